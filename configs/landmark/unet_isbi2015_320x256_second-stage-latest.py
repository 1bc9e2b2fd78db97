# Labels drift (docs/results.md): for the images right behind 1-150, a network of the second stage that was trained on
# all of these goes on for ten epochs with their latest quarter alone. For images that are farther away it is worse.
_base_ = 'unet_isbi2015_320x256_second-stage-means.py'
load_from = 'work_dirs/unet_isbi2015_320x256_second-stage-means-all-train/run0/epoch_40.pth'
train_dataloader = dict(dataset=dict(ann_file='block3/val.json'))
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='CosineAnnealingLR', begin=0, end=10, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True)
]
