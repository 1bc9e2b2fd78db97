# 90 frames of a mouse in two views, bundled; split 72/9/9 as at the source. The whole frame is the box.
_base_ = ['../default_runtime.py', '../skeletons/mirror_mouse17.py']
data_root = 'tests/data/mirror_mouse/'
num_keypoints = len(_base_.skeleton.keypoints)
crop = dict(type='TopdownAffine', input_size=(256, 256))
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
augment = [
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.85, 1.15), rotate_factor=20),
    dict(type='PhotometricDistortion'),
]
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs')]
frames = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**frames, ann_file='train.json', pipeline=[*read, *augment, crop, *pack]),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(**frames, ann_file='val.json', test_mode=True, pipeline=[*read, crop, *pack]),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(**frames, ann_file='test.json', test_mode=True, pipeline=[*read, crop, *pack]),
)
val_evaluator = [dict(type='CocoMetric', ann_file=data_root + 'val.json'), dict(type='EPE')]
test_evaluator = [dict(type='CocoMetric', ann_file=data_root + 'test.json'), dict(type='EPE')]
default_hooks = dict(checkpoint=dict(save_best='EPE', rule='less', interval=10))
