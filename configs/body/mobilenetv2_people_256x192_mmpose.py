# All of it mmpose's own, without weights to begin with.
_base_ = 'hybridnet_s_people_256x192_msra.py'
model = dict(
    **_base_.estimator,
    _delete_=True,
    backbone=dict(type='MobileNetV2', widen_factor=1.0, out_indices=(7,)),
    head=dict(**_base_.head, in_channels=1280, out_channels=_base_.num_keypoints),
)
