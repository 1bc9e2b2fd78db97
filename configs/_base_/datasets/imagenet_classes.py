# ImageNet 2012 as it is unpacked: train/n01440764/*.JPEG, val/n01440764/*.JPEG; or any other folder like it.
_base_ = 'classes.py'
data_root = 'data/imagenet/'
input_size = (224, 224)
crop = dict(type='ResizedCrop', input_size=input_size, shares=(0.3, 1.0))
middle = dict(type='ResizedCrop', input_size=input_size, random=False)
head = dict(num_classes=1000)
train_dataloader = dict(
    num_workers=16,
    pin_memory=True,
    dataset=dict(type='ClassFolder', data_root=data_root, folder='train', pipeline=[crop, _base_.pack]),
)
val_dataloader = dict(
    dataset=dict(
        type='ClassFolder',
        data_root=data_root,
        folder='val',
        classes='train',
        test_mode=True,
        pipeline=[middle, _base_.pack],
    )
)
test_dataloader = val_dataloader
