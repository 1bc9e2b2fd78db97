_base_ = 'coco_images.py'
input_size = (320, 320)
mosaic = dict(**_base_.mosaic, img_scale=input_size)
window = dict(**_base_.window, input_size=input_size)
fit = dict(type='Letterbox', input_size=input_size, smooth=True)
train_dataloader = dict(dataset=dict(pipeline=[_base_.read, mosaic, window, *_base_.finish]))
val_dataloader = dict(dataset=dict(pipeline=[_base_.read, fit, _base_.pack]))
test_dataloader = val_dataloader
