# For 64 images on each of 3 GPUs: mixed precision, the gradients of two batches accumulated.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=5)
optim_wrapper = dict(type='MixedPrecision', optimizer=dict(type='AdamW', lr=1e-4), accumulative_counts=2)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=0, end=100, eta_min=1e-6, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=192)
