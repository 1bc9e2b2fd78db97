# Targets in the shape of the readers' disagreement about each landmark, with the same mean width.
_base_ = 'unet_isbi2015_320x256_wide.py'
model = dict(
    head=dict(
        codec=dict(
            covariance=dict(
                type='ReaderCovariance',
                ann_file=_base_.data_root + _base_.train_dataloader.dataset.ann_file,
                keep_bias=False,
            )
        )
    )
)
