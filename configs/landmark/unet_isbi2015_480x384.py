_base_ = [
    '../_base_/models/unet.py',
    '../_base_/datasets/isbi2015_480x384.py',
    '../_base_/schedules/adamw_landmark.py',
]
model = _base_.network
