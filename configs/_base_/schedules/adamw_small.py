# For data sets of about a hundred images: minutes on a CPU.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=120, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01), clip_grad=dict(max_norm=1.0)
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=10, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=10, end=120, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
