# 90 frames of a mouse in two views, bundled; split 72/9/9 as at the source.
_base_ = ['whole_frame.py', '../skeletons/mirror_mouse17.py']
data_root = 'tests/data/mirror_mouse/'
num_keypoints = len(_base_.skeleton.keypoints)
crop = dict(type='TopdownAffine', input_size=(256, 256))
augment = [
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.85, 1.15), rotate_factor=20),
    dict(type='PhotometricDistortion'),
]
frames = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
evaluate = [*_base_.read, crop, *_base_.pack]
train_dataloader = dict(
    dataset=dict(**frames, ann_file='train.json', pipeline=[*_base_.read, *augment, crop, *_base_.pack])
)
val_dataloader = dict(
    persistent_workers=True, dataset=dict(**frames, ann_file='val.json', test_mode=True, pipeline=evaluate)
)
test_dataloader = dict(dataset=dict(**frames, ann_file='test.json', test_mode=True, pipeline=evaluate))
val_evaluator = [dict(type='CocoMetric', ann_file=data_root + 'val.json'), dict(type='EPE')]
test_evaluator = [dict(type='CocoMetric', ann_file=data_root + 'test.json'), dict(type='EPE')]
default_hooks = dict(checkpoint=dict(save_best='EPE', rule='less', interval=10))
