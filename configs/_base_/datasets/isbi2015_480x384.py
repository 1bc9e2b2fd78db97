_base_ = 'isbi2015.py'
input_size = (384, 480)
crop = [dict(type='SmoothDownscale', input_size=input_size), dict(type='TopdownAffine', input_size=input_size)]
augmented = [*_base_.read, *_base_.augment, *crop, *_base_.distort, *_base_.pack]
evaluate = [*_base_.read, *crop, *_base_.pack]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=augmented))
val_dataloader = dict(dataset=dict(pipeline=evaluate))
test_dataloader = dict(dataset=dict(pipeline=evaluate))
