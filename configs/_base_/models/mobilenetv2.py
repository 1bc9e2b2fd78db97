# SimpleBaseline with MobileNetV2, as in mmpose's configs, without its weights to begin with.
_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(type='MobileNetV2', out_indices=(7,)),
    neck=dict(type='Deconvolutions', in_channels=1280),
    head=dict(in_channels=256),
)
