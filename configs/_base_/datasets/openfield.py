# 116 frames of a mouse seen from above (DeepLabCut's example project), not bundled: docs/results.md says how to get
# the five random 80/20 splits. The whole frame is the box, and nothing is selected on the test frames.
_base_ = ['../default_runtime.py', '../skeletons/openfield4.py']
data_root = 'data/openfield/'
num_keypoints = len(_base_.skeleton.keypoints)
crop = dict(type='TopdownAffine', input_size=(320, 240))
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
augment = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.75, 1.25), rotate_factor=180, rotate_prob=1.0),
    dict(type='PhotometricDistortion'),
]
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs')]
frames = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**frames, ann_file='split0/train.json', pipeline=[*read, *augment, crop, *pack]),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(**frames, ann_file='split0/test.json', test_mode=True, pipeline=[*read, crop, *pack]),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='EPE')
test_evaluator = val_evaluator
