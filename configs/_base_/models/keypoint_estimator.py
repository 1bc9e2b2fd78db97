# What every top-down model shares; the targets are 0.036 of the input's side wide: 8 px at 256x192.
model = dict(
    type='KeypointEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    head=dict(
        type='GaussianHeatmapHead',
        codec=dict(type='AnisotropicHeatmap', covariance=dict(type='LearnedCovariance', relative_sigma=0.036)),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
    test_cfg=dict(flip_test=True),
)
