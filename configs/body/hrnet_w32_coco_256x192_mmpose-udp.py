# For checkpoints of mmpose's hrnet-w32_udp, which crop so that the first and the last pixels are the box's edges.
_base_ = 'hrnet_w32_coco_256x192_detections.py'
crop = dict(**_base_.crop, use_udp=True)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.read, *_base_.augment, crop, *_base_.pack]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.read, crop, *_base_.pack]))
test_dataloader = val_dataloader
model = dict(head=dict(codec=dict(_delete_=True, type='PublishedHeatmap', rule='mmpose-udp', relative_sigma=0.0360844)))
