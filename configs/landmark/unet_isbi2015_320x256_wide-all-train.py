# The final model: all of images 1-150. Its settings were chosen on the folds; here nothing is left to choose by, the
# last checkpoint counts, and the error on fold0/val.json that is logged at the end is one of seen images.
_base_ = 'unet_isbi2015_320x256_wide.py'
train_dataloader = dict(dataset=dict(ann_file='train.json'))
train_cfg = dict(max_epochs=80, val_interval=80)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=5, start_factor=0.05, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, end=80, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True),
]
