# For detectors on a thousand images on a CPU: five thousand steps of 8 images, and an average that forgets after 500.
_base_ = 'adamw_detector.py'
train_cfg = dict(max_epochs=26, val_interval=13)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=0, end=26, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
hooks = dict(average=dict(decay=0.998))
auto_scale_lr = dict(base_batch_size=8)
