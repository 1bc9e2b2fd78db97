_base_ = 'coco_topdown.py'
crop = dict(type='TopdownAffine', input_size=(192, 256))
train_dataloader = dict(dataset=dict(pipeline=[*_base_.read, *_base_.augment, crop, *_base_.pack]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.read, crop, *_base_.pack]))
test_dataloader = val_dataloader
