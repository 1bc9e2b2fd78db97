# Adaptive wing with targets in the shape of the readers' disagreement, of 4 px in the mean: the narrowest are then as
# wide as round ones of 2 px. No better for the points than round ones (docs/results.md).
_base_ = 'unet_isbi2015_320x256_readers.py'
model = dict(
    head=dict(codec=dict(covariance=dict(relative_sigma=0.014)), loss=dict(_delete_=True, type='WeightedAdaptiveWing'))
)
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=5, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=40, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
