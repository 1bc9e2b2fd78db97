_base_ = [
    '../_base_/models/yolov7_n_pose.py',
    '../_base_/datasets/coco_images_640x640.py',
    '../_base_/schedules/sgd_300e.py',
]
model = _base_.network
default_hooks = _base_.hooks
