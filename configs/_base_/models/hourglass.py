# Two stacks of about 5 million parameters each; the input's sides are multiples of 32.
_base_ = 'keypoint_estimator.py'
model = dict(
    backbone=dict(
        type='HourglassNet',
        num_stacks=2,
        downsample_times=3,
        stage_channels=(256, 96, 96, 96),
        stage_blocks=(1, 1, 1, 1),
        feat_channel=128,
    ),
    head=dict(type='StackedHeatmapHead', in_channels=(128, 128)),
)
