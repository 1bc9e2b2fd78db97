# For checkpoints of the network's authors, trained with their loss and measured on images that are fitted as theirs.
_base_ = 'yolov7_w6_pose_coco_images_640x640.py'
model = dict(head=dict(rule='original', loss=dict(gains=dict(visibility=0.3))))
fit = dict(**_base_.fit, truncate=True)
val_dataloader = dict(dataset=dict(pipeline=[_base_.read, fit, _base_.pack]))
test_dataloader = val_dataloader
