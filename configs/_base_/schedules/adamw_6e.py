# For a few thousand people on a CPU: mixed precision, the last checkpoint is taken.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=6, val_interval=6)
optim_wrapper = dict(
    type='MixedPrecision', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01), clip_grad=dict(max_norm=1.0)
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=300, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=0, end=6, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=16)
