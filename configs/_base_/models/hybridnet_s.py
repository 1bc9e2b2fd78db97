_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(type='HybridNet', variant='s'),
    neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=64),
    head=dict(in_channels=64),
)
