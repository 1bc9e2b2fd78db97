# What sets of images without labels share: the model labels its own batches, and the best checkpoint is the one whose
# points are found again most often in pairs of views that are made of held-out images. A network's score map has one
# channel, however many points an image has.
_base_ = '../default_runtime.py'
num_keypoints = 1
network = dict(
    type='InterestPointEstimator',
    teacher=dict(type='BlobTeacher', adaptations=1),
    head=dict(
        _delete_=True,
        type='InterestPointHead',
        in_channels=64,
        codec=dict(type='ScoreMap'),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        consistency=dict(type='ViewConsistency', loss_weight=0.5),
    ),
    train_cfg=dict(corners=0.15, rotation=30, zoom=1.25, photometry=1.0),
    test_cfg=dict(_delete_=True, max_points=500),
)
pack = dict(type='PackPoseInputs', meta_keys=('img_path', 'id', 'input_size'))
pack_view = dict(type='PackPoseInputs', meta_keys=('img_path', 'id', 'pair', 'view', 'homography', 'view_sizes'))
train_dataloader = dict(
    batch_size=64, num_workers=4, persistent_workers=True, sampler=dict(type='DefaultSampler', shuffle=True)
)
val_dataloader = dict(batch_size=64, num_workers=2, sampler=dict(type='DefaultSampler', shuffle=False, round_up=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='PointRepeatability', points=100, bootstrap=0)
test_evaluator = [dict(type='PointRepeatability'), dict(type='HomographyAccuracy')]
default_hooks = dict(checkpoint=dict(save_best='points/repeatability', rule='greater', interval=1))
