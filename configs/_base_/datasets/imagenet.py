# ImageNet 2012 as it is unpacked: train/n01440764/*.JPEG, val/n01440764/*.JPEG; the classes are not looked at.
_base_ = 'interest_points.py'
data_root = 'data/imagenet/'
input_size = (224, 224)
crop = dict(type='ResizedCrop', input_size=input_size)
middle = dict(type='ResizedCrop', input_size=input_size, random=False)
views = [middle, dict(type='ChangeView'), _base_.pack_view]
train_dataloader = dict(
    num_workers=16,
    dataset=dict(type='ImageFolder', data_root=data_root, folder='train', pipeline=[crop, _base_.pack]),
)
val_dataloader = dict(
    dataset=dict(type='HomographyPairs', data_root=data_root, folder='val', limit=1000, pipeline=views)
)
test_dataloader = val_dataloader
