_base_ = ['../_base_/models/hybridnet_s.py', '../_base_/datasets/pictures.py', '../_base_/schedules/adamw_pictures.py']
model = _base_.network
