_base_ = ['../_base_/models/hybridnet_s.py', '../_base_/datasets/mirror_mouse.py', '../_base_/schedules/adamw_small.py']
model = dict(head=dict(num_keypoints=_base_.num_keypoints), test_cfg=dict(flip_test=False))
