# For a few hundred images: warm-up, mixed precision, and a learning rate that follows the batch's size.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=5)
optim_wrapper = dict(
    type='MixedPrecision', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05), clip_grad=dict(max_norm=1.0)
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=5, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=60, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=4, enable=True)
