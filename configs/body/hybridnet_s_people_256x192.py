_base_ = [
    '../_base_/models/hybridnet_s.py',
    '../_base_/datasets/people_256x192.py',
    '../_base_/schedules/adamw_6e.py',
]
model = dict(head=dict(num_keypoints=_base_.num_keypoints))
