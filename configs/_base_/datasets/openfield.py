# 116 frames of a mouse seen from above (DeepLabCut's example project), not bundled: docs/results.md says how to get
# the five random 80/20 splits. Nothing is selected on the test frames.
_base_ = ['whole_frame.py', '../skeletons/openfield4.py']
data_root = 'data/openfield/'
num_keypoints = len(_base_.skeleton.keypoints)
crop = dict(type='TopdownAffine', input_size=(320, 240))
augment = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.75, 1.25), rotate_factor=180, rotate_prob=1.0),
    dict(type='PhotometricDistortion'),
]
frames = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
train_dataloader = dict(
    dataset=dict(**frames, ann_file='split0/train.json', pipeline=[*_base_.read, *augment, crop, *_base_.pack])
)
val_dataloader = dict(
    dataset=dict(**frames, ann_file='split0/test.json', test_mode=True, pipeline=[*_base_.read, crop, *_base_.pack])
)
test_dataloader = val_dataloader
val_evaluator = dict(type='EPE')
test_evaluator = val_evaluator
