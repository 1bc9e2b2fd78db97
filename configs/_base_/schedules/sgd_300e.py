# YOLOv7-w6-pose's own: NominalScheduleHook sets rates and momentum, and sums gradients up to 64 images.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_interval=10)
optim_wrapper = dict(
    type='NominalBatch',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.937, weight_decay=5e-4, nesterov=True),
    paramwise_cfg=dict(
        norm_decay_mult=0, bias_decay_mult=0, custom_keys={k: dict(decay_mult=0) for k in ('.added', '.multiplied')}
    ),
)
hooks = dict(schedule=dict(type='NominalScheduleHook'), average=dict(type='StepAverageHook'))
