_base_ = [
    '../_base_/models/yolov7_n_pose.py',
    '../_base_/datasets/drawn_images_320x320.py',
    '../_base_/schedules/adamw_detector_26e.py',
]
model = _base_.network
default_hooks = _base_.hooks
