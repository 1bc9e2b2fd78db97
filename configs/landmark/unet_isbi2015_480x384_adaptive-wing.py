# The settings of 320x256 at one and a half times its size.
_base_ = 'unet_isbi2015_480x384.py'
model = dict(
    head=dict(
        codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.0105, stride=2),
        loss=dict(_delete_=True, type='WeightedAdaptiveWing'),
    )
)
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=5, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=40, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
