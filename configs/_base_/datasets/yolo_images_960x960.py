# YOLO's layout: data/coco_kpts/train2017.txt and val2017.txt list images in images/, whose labels are in labels/.
# AP is measured against these labels, which have no areas: a little off that of COCO's own file.
_base_ = 'coco_images_960x960.py'
data_root = 'data/coco_kpts/'
layout = dict(_delete_=True, type='YoloImages', data_root=data_root, skeleton=_base_.skeleton)
loaders = _base_.train_dataloader, _base_.val_dataloader
train_dataloader = dict(
    dataset=dict(**layout, ann_file='train2017.txt', keep_empty=False, pipeline=loaders[0].dataset.pipeline)
)
val_dataloader = dict(
    dataset=dict(**layout, ann_file='val2017.txt', test_mode=True, pipeline=loaders[1].dataset.pipeline)
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=None)
test_evaluator = val_evaluator
