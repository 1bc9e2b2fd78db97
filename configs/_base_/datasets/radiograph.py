# What sets of radiographs share: one head an image, grey, measured in mm. Left and right, up and down are known:
# nothing is mirrored or turned by quarters. Targets are as wide as the landmark literature has them, relative to
# the input's side.
_base_ = 'whole_frame.py'
network = dict(
    data_preprocessor=dict(_delete_=True, type='GreyPreprocessor'),
    backbone=dict(in_channels=1),
    head=dict(codec=dict(covariance=dict(relative_sigma=0.00586))),
    test_cfg=dict(flip_test=False),
)
three_channels = dict(data_preprocessor=dict(_delete_=True, type='GreyPreprocessor', channels=3), backbone=dict())
image, box = dict(type='ReadImage', color_type='grayscale'), dict(type='GetBBoxCenterScale', padding=1.0)
read = [image, box]
move = [
    dict(
        type='RandomBBoxTransform',
        shift_prob=1.0,
        shift_factor=0.05,
        scale_factor=(0.85, 1.15),
        rotate_prob=1.0,
        rotate_factor=15,
    ),
]
augment = [dict(type='MixReaders'), *move]
distort = [dict(type='ElasticDeformation', magnitude=0.015), dict(type='GammaNoise')]
meta = ('id', 'img_id', 'img_path', 'category_id', 'ori_shape', 'input_size', 'input_center', 'input_scale')
meta += ('pixel_spacing', 'raw_ann_info', 'prior_keypoints', 'prior_covariances', 'own_keypoints')
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs', meta_keys=meta)]
val_evaluator = dict(type='RadialError')
test_evaluator = val_evaluator
default_hooks = dict(
    checkpoint=dict(save_best='MRE_mm', rule='less', interval=10),
    early_stopping=dict(type='EarlyStoppingHook', monitor='MRE_mm', rule='less', min_delta=0, patience=10),
    average=dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.01, gamma=100, update_buffers=True),
)
