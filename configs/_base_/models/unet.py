_base_ = 'keypoint_estimator.py'
model = dict(backbone=dict(type='UNet'), head=dict(in_channels=48, codec=dict(stride=2)))
