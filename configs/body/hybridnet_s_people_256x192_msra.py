# Our network with mmpose's estimator, head and targets.
_base_ = ['../_base_/models/mmpose_msra.py', 'hybridnet_s_people_256x192.py']
model = dict(
    **_base_.estimator,
    _delete_=True,
    backbone=dict(type='HybridNet', variant='s'),
    neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=64),
    head=dict(**_base_.head, in_channels=64, out_channels=_base_.num_keypoints, deconv_out_channels=None),
)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.read, *_base_.augment, _base_.crop, *_base_.targets]))
