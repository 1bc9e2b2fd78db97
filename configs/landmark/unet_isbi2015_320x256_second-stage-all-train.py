# The final model of two stages: the second, trained on all of images 1-150. Nothing is left to choose by, the last
# checkpoint counts.
_base_ = 'unet_isbi2015_320x256_second-stage.py'
train_dataloader = dict(dataset=dict(ann_file='train.json'))
train_cfg = dict(val_interval=40)
