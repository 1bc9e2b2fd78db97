_base_ = [
    '../_base_/models/hourglass.py',
    '../_base_/datasets/isbi2015_256x256.py',
    '../_base_/schedules/adamw_landmark.py',
]
model = dict(_base_.network, **_base_.three_channels)
