_base_ = [
    '../_base_/models/hybridnet_b.py',
    '../_base_/datasets/coco_384x288.py',
    '../_base_/schedules/adam_210e.py',
]
model = dict(head=dict(num_keypoints=_base_.num_keypoints))
