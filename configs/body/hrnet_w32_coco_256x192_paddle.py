# For checkpoints of PaddleDetection, measured on ground-truth boxes: targets 2 cells wide at any size, and DARK.
_base_ = 'hrnet_w32_coco_256x192.py'
model = dict(head=dict(codec=dict(_delete_=True, type='PublishedHeatmap', rule='paddle', sigma=8.0)))
