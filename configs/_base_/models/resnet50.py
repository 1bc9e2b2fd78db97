# SimpleBaseline: ResNet and three deconvolutions.
_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(type='ResNet', depth=50),
    neck=dict(type='Deconvolutions', in_channels=2048),
    head=dict(in_channels=256),
)
