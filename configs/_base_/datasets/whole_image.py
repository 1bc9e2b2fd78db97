# What sets of whole images share: mosaics of four to train on, letterboxed images to measure on. An image of a mosaic
# is half as large to one and a half times as large as the letterboxed one. Evaluation by boxes' scores, all people.
_base_ = '../default_runtime.py'
read = dict(type='ReadImage')
mosaic = dict(type='Mosaic', pad_val=114.0, pre_transform=[read])
window = dict(
    type='BottomupRandomAffine',
    shift_factor=0.05,
    scale_factor=(1 / 3, 1.0),
    rotate_prob=0.0,
    pad_val=114,
    distribution='uniform',
    bbox_keep_corner=False,
)
meta = ('id', 'img_id', 'img_path', 'ori_shape', 'input_size', 'input_center', 'input_scale', 'flip_indices')
pack = dict(type='PackPoseInputs', meta_keys=(*meta, 'raw_ann_info'))
finish = [dict(type='YOLOXHSVRandomAug'), dict(type='RandomFlip'), dict(type='PersonLabels'), pack]
custom_hooks = [*_base_.custom_hooks, dict(type='ClassCountHook')]
workers = dict(num_workers=4, persistent_workers=True)
train_dataloader = dict(batch_size=16, **workers, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(batch_size=16, **workers, sampler=dict(type='DefaultSampler', shuffle=False, round_up=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoAveragePrecision', score_mode='bbox', nms_threshold=None)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater', interval=10))
