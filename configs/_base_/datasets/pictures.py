# Any folder of pictures; every twentieth one, in an order drawn once, is held out to choose the best checkpoint by.
# The filters look at each picture once: on a CPU they would take longer than the network.
_base_ = 'interest_points.py'
data_root = 'data/pictures/'
input_size = (224, 224)
crop = dict(type='ResizedCrop', input_size=input_size)
middle = dict(type='ResizedCrop', input_size=input_size, random=False)
network = dict(teacher=dict(adaptations=0))
views = [middle, dict(type='ChangeView'), _base_.pack_view]
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(type='ImageFolder', data_root=data_root, part=(0.0, 0.95), pipeline=[crop, _base_.pack]),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(type='HomographyPairs', data_root=data_root, part=(0.95, 1.0), limit=100, pipeline=views),
)
test_dataloader = val_dataloader
