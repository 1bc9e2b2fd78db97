_base_ = ['../_base_/models/hybridnet_s.py', '../_base_/datasets/imagenet.py', '../_base_/schedules/adamw_100e.py']
model = _base_.network
