# COCO train2017 and val2017 as whole images; images without people are not trained on.
_base_ = ['whole_image.py', '../skeletons/coco17.py']
data_root = 'data/coco/'
num_keypoints = len(_base_.skeleton.keypoints)
network = dict(head=dict(num_keypoints=num_keypoints, sigmas=_base_.skeleton.sigmas))
people = dict(type='CocoImages', data_root=data_root, skeleton=_base_.skeleton)
train_file, val_file = 'annotations/person_keypoints_train2017.json', 'annotations/person_keypoints_val2017.json'
train_dataloader = dict(
    dataset=dict(**people, ann_file=train_file, data_prefix=dict(img='train2017/'), keep_empty=False)
)
val_dataloader = dict(dataset=dict(**people, ann_file=val_file, data_prefix=dict(img='val2017/'), test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + val_file)
test_evaluator = val_evaluator
