# Xu et al. 2022, "ViTPose: simple vision transformer baselines for human pose estimation", the base variant.
_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='base',
        img_size=(256, 192),
        patch_size=16,
        with_cls_token=False,
        out_type='featmap',
        patch_cfg=dict(padding=2),
    ),
    neck=dict(type='Deconvolutions', in_channels=768, num_layers=2),
    head=dict(in_channels=256, codec=dict(_delete_=True, type='PublishedHeatmap', rule='mmpose-udp', sigma=8.0)),
)
