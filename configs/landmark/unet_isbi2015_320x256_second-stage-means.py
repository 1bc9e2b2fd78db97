# Labels are the readers' mean instead of random points between theirs: as good, and other errors (docs/results.md).
_base_ = 'unet_isbi2015_320x256_second-stage.py'
augmented = [*_base_.read, *_base_.move, *_base_.crop, *_base_.distort, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=augmented))
