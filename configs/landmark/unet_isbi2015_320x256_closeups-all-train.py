# Trained on all of images 1-150; the last checkpoint counts.
_base_ = 'unet_isbi2015_320x256_closeups.py'
train_dataloader = dict(dataset=dict(ann_file='train.json'))
train_cfg = dict(val_interval=20)
