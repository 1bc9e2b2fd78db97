# For checkpoints of mmpose's hrnet-w32_dark.
_base_ = 'hrnet_w32_coco_384x288_detections.py'
model = dict(
    head=dict(codec=dict(_delete_=True, type='PublishedHeatmap', rule='mmpose-dark', relative_sigma=0.0360844))
)
