# For detectors on a CPU or on thousands of images rather than a hundred thousand.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=5)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=3, start_factor=0.01, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=3, end=60, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
hooks = dict(average=dict(type='StepAverageHook', decay=0.999, ramp=200))
auto_scale_lr = dict(base_batch_size=16)
