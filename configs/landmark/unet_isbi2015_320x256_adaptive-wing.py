# The least error at this size (docs/results.md): adaptive wing, round targets of 3 px, and 40 epochs, after which it
# would begin to learn the labels' noise.
_base_ = 'unet_isbi2015_320x256_wide-isotropic.py'
model = dict(head=dict(loss=dict(_delete_=True, type='WeightedAdaptiveWing')))
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=5, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=40, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
