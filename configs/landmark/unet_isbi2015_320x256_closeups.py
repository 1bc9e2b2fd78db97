# The third of three networks looks three times, each time at a group of landmarks, 0.2 to 0.3 mm a px: what the image
# files have. Its points are merged with the second's (docs/landmarks.md, section 6). Targets are about as wide in mm as
# those of the second; half as many epochs of three times as many samples.
_base_ = 'unet_isbi2015_320x256_second-stage.py'
model = dict(head=dict(codec=dict(relative_sigma=0.024)), test_cfg=dict(search_radius=0.1, merge_prior=True))
read = [_base_.image, dict(type='GetBBoxCenterScale', padding=1.4)]
augmented = [*read, *_base_.augment, *_base_.crop, *_base_.distort, *_base_.pack]
evaluate = [*read, *_base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(groups=_base_.groups, pipeline=augmented))
val_dataloader = dict(dataset=dict(groups=_base_.groups, points_file='second/fold0_val.json', pipeline=evaluate))
test_dataloader = dict(dataset=dict(groups=_base_.groups, points_file='second/test1.json', pipeline=evaluate))
train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=2, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, end=20, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
