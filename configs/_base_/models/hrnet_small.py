# The maps of stride 1 are those of stride 4, interpolated: a target narrower than their cells cannot be drawn.
_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(type='HRNetSmall', width=32),
    head=dict(
        type='MultiScaleHeatmapHead',
        in_channels=(32, 64, 128, 256),
        codec=dict(stride=1, covariance=dict(cell=4)),
    ),
)
