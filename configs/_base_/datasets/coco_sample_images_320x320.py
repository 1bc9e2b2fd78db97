# The bundled 26 images of val2017, for tests and for showing that overfitting works; never for a result.
_base_ = 'coco_images_320x320.py'
data_root = 'tests/data/coco/'
labels = dict(data_root=data_root, ann_file=_base_.val_file, data_prefix=dict(img='val2017/'))
train_dataloader = dict(batch_size=8, num_workers=2, dataset=labels)
val_dataloader = dict(batch_size=8, num_workers=2, dataset=labels)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + _base_.val_file)
test_evaluator = val_evaluator
