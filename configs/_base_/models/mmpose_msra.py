# mmpose's own estimator, head and targets at 256x192, as its td-hm configs have them, to compare with.
codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
estimator = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    train_cfg=dict(compute_acc=False),  # in numpy, which has no bfloat16
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
head = dict(type='HeatmapHead', loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=codec)
targets = [dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]
