# For checkpoints of HRNet's authors: their targets, 3 cells wide at 384x288, 2 at 256x192, and their decoding.
_base_ = 'hrnet_w32_coco_384x288_detections.py'
model = dict(head=dict(codec=dict(_delete_=True, type='PublishedHeatmap', rule='official', relative_sigma=0.0360844)))
