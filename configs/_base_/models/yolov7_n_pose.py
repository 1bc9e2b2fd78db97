# A quarter of YOLOv7-w6-pose's width and half of its depth, for a CPU.
_base_ = 'yolov7_w6_pose.py'
widths = (64, 128, 192, 256)
model = dict(
    backbone=dict(stem=16, stages=[(32, 16), (64, 32), (128, 64), (192, 96), (256, 128)], depth=2),
    neck=dict(in_channels=widths, channels=[32, 64, 96, 128], out_channels=widths, depth=2),
    head=dict(in_channels=widths),
)
