# Your own pictures of people with COCO's keypoints: data/people/train.json and val.json, images in data/people/images/.
_base_ = 'coco_256x192.py'
data_root = 'data/people/'
people = dict(data_root=data_root, data_prefix=dict(img='images/'))
train_dataloader = dict(batch_size=16, num_workers=1, dataset=dict(**people, ann_file='train.json'))
val_dataloader = dict(batch_size=32, num_workers=1, dataset=dict(**people, ann_file='val.json'))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'val.json')
test_evaluator = val_evaluator
