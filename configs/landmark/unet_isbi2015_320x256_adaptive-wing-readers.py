# Adaptive wing with targets in the shape of the readers' disagreement, of 4 px in the mean: the narrowest are then as
# wide as round ones of 2 px.
_base_ = 'unet_isbi2015_320x256_adaptive-wing.py'
model = dict(
    head=dict(
        codec=dict(
            _delete_=True,
            type='AnisotropicHeatmap',
            stride=2,
            covariance=dict(
                type='ReaderCovariance',
                relative_sigma=0.014,
                ann_file=_base_.data_root + _base_.train_dataloader.dataset.ann_file,
                keep_bias=False,
            ),
        )
    )
)
