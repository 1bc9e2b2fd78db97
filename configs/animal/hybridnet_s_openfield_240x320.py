_base_ = [
    '../_base_/models/hybridnet_s.py',
    '../_base_/datasets/openfield.py',
    '../_base_/schedules/adamw_small.py',
]
model = dict(head=dict(num_keypoints=_base_.num_keypoints, codec=dict(covariance=dict(relative_sigma=0.02))))
