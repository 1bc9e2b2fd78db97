_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(type='HybridNet', variant='b'),
    neck=dict(type='FeaturePyramid', in_channels=(64, 128, 256, 384), out_channels=128),
    head=dict(in_channels=128),
)
