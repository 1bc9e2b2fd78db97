_base_ = [
    '../_base_/models/resnet50.py',
    '../_base_/datasets/isbi2015_512x512.py',
    '../_base_/schedules/adamw_landmark.py',
]
model = _base_.network
