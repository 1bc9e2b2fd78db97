_base_ = [
    '../_base_/models/mobilenetv2.py',
    '../_base_/datasets/people_256x192.py',
    '../_base_/schedules/adamw_6e.py',
]
model = dict(
    head=dict(
        num_keypoints=_base_.num_keypoints,
        codec=dict(_delete_=True, type='PublishedHeatmap', rule='mmpose', relative_sigma=0.0360844),
    )
)
