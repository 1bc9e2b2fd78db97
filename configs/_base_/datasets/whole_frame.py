# What small sets of video frames share: one animal a frame, whose box is the whole frame, and eight frames a batch.
_base_ = '../default_runtime.py'
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs')]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
test_dataloader = val_dataloader
