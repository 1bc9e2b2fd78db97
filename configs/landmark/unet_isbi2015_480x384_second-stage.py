# The second of two networks in more detail, 0.3 mm a px: nearly what the image files have.
_base_ = 'unet_isbi2015_320x256_second-stage.py'
input_size = (384, 480)
crop = [dict(type='SmoothDownscale', input_size=input_size), dict(type='TopdownAffine', input_size=input_size)]
augmented = [*_base_.read, *_base_.augment, *crop, *_base_.distort, *_base_.pack]
evaluate = [*_base_.read, *crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=augmented))
val_dataloader = dict(dataset=dict(pipeline=evaluate))
test_dataloader = dict(dataset=dict(pipeline=evaluate))
