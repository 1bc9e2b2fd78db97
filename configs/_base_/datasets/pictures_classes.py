# Any folder of class folders of pictures; every twentieth picture, in an order drawn once, is held out.
_base_ = 'classes.py'
data_root = 'data/pictures/'
input_size = (224, 224)
crop = dict(type='ResizedCrop', input_size=input_size)
middle = dict(type='ResizedCrop', input_size=input_size, random=False)
head = dict(num_classes=10)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(type='ClassFolder', data_root=data_root, part=(0.0, 0.95), pipeline=[crop, _base_.pack]),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type='ClassFolder', data_root=data_root, part=(0.95, 1.0), test_mode=True, pipeline=[middle, _base_.pack]
    ),
)
test_dataloader = val_dataloader
