# For detectors on thousands of images on a CPU: about an hour and a half on one core, the last average is taken.
_base_ = 'adamw_detector.py'
train_cfg = dict(max_epochs=15, val_interval=15)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=0, end=15, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
