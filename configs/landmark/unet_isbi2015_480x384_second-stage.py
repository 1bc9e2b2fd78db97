# The second of two networks in more detail, 0.3 mm a px: nearly what the image files have.
_base_ = 'unet_isbi2015_480x384_adaptive-wing.py'
model = dict(head=dict(codec=dict(relative_sigma=0.013)), test_cfg=dict(search_radius=0.055))
read = [_base_.image, dict(type='GetBBoxCenterScale', padding=1.2)]
augmented = [*read, *_base_.augment, *_base_.crop, *_base_.distort, *_base_.pack]
evaluate = [*read, *_base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(type='CocoCloseups', pipeline=augmented))
val_dataloader = dict(dataset=dict(type='CocoCloseups', points_file='first/fold0_val.json', pipeline=evaluate))
test_dataloader = dict(dataset=dict(type='CocoCloseups', points_file='first/test1.json', pipeline=evaluate))
