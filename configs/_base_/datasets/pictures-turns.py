# Any folder of pictures, each turned by no, one, two or three quarters: which it was is the class. Every twentieth
# picture, in an order drawn once, is held out, and always turned alike.
_base_ = 'classes.py'
data_root = 'data/pictures/'
input_size = (224, 224)
crop = [dict(type='ResizedCrop', input_size=input_size), dict(type='QuarterTurn')]
middle = [dict(type='ResizedCrop', input_size=input_size, random=False), dict(type='QuarterTurn', random=False)]
head = dict(num_classes=4)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(type='ImageFolder', data_root=data_root, part=(0.0, 0.95), pipeline=[*crop, _base_.pack]),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type='ImageFolder', data_root=data_root, part=(0.95, 1.0), test_mode=True, pipeline=[*middle, _base_.pack]
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
