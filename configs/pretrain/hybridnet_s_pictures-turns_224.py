_base_ = [
    '../_base_/models/hybridnet_s.py',
    '../_base_/datasets/pictures-turns.py',
    '../_base_/schedules/adamw_classes.py',
]
head = dict(in_channels=_base_.model.neck.in_channels[-1], **_base_.head)
model = dict(_delete_=True, backbone=_base_.model.backbone, head=head, **_base_.classifier)
