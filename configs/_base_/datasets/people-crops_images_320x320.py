# Pictures that were cut around one person each: shown a fifth to once as large, as people in whole images are.
_base_ = 'people_images_320x320.py'
window = dict(scale_factor=(0.5, 2.5))
train_dataloader = dict(
    batch_size=8, dataset=dict(pipeline=[_base_.read, _base_.mosaic, {**_base_.window, **window}, *_base_.finish])
)
