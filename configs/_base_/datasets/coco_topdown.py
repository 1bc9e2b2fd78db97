_base_ = ['../default_runtime.py', '../skeletons/coco17.py']
data_root = 'data/coco/'
num_keypoints = len(_base_.skeleton.keypoints)
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale')]
augment = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
]
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs')]
people = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**people, ann_file='annotations/person_keypoints_train2017.json', data_prefix=dict(img='train2017/')),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        **people, ann_file='annotations/person_keypoints_val2017.json', data_prefix=dict(img='val2017/'), test_mode=True
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoAveragePrecision', ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater', interval=10))
