# The bundled 26 images of val2017, for tests and for showing that overfitting works; never for a result.
_base_ = 'coco_256x192.py'
data_root = 'tests/data/coco/'
labels = dict(
    data_root=data_root, ann_file='annotations/person_keypoints_val2017.json', data_prefix=dict(img='val2017/')
)
train_dataloader = dict(batch_size=16, num_workers=2, dataset=labels)
val_dataloader = dict(batch_size=16, num_workers=2, dataset=labels)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + labels['ann_file'])
test_evaluator = val_evaluator
