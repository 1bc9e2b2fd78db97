# What sets of images with a class share. Images go to the device as bytes and are normalised there, a batch at once.
_base_ = '../default_runtime.py'
classifier = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
)
head = dict(type='mmpretrain.LinearClsHead', loss=dict(type='mmpretrain.CrossEntropyLoss'))
pack = dict(type='mmpretrain.PackInputs', meta_keys=('img_path', 'id'))
loader = dict(persistent_workers=True, collate_fn=dict(type='default_collate'))
train_dataloader = dict(**loader, batch_size=64, num_workers=4, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    **loader, batch_size=64, num_workers=2, sampler=dict(type='DefaultSampler', shuffle=False, round_up=False)
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='accuracy/top1', rule='greater', interval=1))
custom_hooks = [*_base_.custom_hooks, dict(type='ClassCountHook')]
