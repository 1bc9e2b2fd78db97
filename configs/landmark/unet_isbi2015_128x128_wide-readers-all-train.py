# The first of two networks (docs/landmarks.md), trained on all of images 1-150; the last checkpoint counts.
_base_ = 'unet_isbi2015_128x128_wide-readers.py'
model = dict(head=dict(codec=dict(covariance=dict(ann_file=_base_.data_root + 'train.json'))))
train_dataloader = dict(dataset=dict(ann_file='train.json'))
train_cfg = dict(val_interval=60)
