# For checkpoints of ViTPose and of mmpose's; their training (drop path, learning rates by layer) is not here.
_base_ = ['../_base_/models/vitpose_b.py', '../_base_/datasets/coco_256x192.py', '../_base_/schedules/adamw_100e.py']
crop = dict(**_base_.crop, use_udp=True)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.read, *_base_.augment, crop, *_base_.pack]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.read, crop, *_base_.pack]))
test_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.read, crop, *_base_.pack],
        bbox_file='person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
    )
)
model = dict(head=dict(num_keypoints=_base_.num_keypoints))
