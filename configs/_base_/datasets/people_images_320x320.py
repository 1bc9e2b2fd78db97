# Your own pictures of people with COCO's keypoints: data/people/train.json and val.json, images in data/people/images/.
_base_ = 'coco_images_320x320.py'
data_root = 'data/people/'
images = dict(data_root=data_root, data_prefix=dict(img='images/'))
train_dataloader = dict(dataset=dict(**images, ann_file='train.json', keep_empty=True))
val_dataloader = dict(dataset=dict(**images, ann_file='val.json'))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'val.json')
test_evaluator = val_evaluator
