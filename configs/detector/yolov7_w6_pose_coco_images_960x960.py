_base_ = [
    '../_base_/models/yolov7_w6_pose.py',
    '../_base_/datasets/coco_images_960x960.py',
    '../_base_/schedules/sgd_300e.py',
]
model = _base_.network
default_hooks = _base_.hooks
