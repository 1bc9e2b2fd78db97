# Drawn people: python tools/make_people.py data/drawn --train 1600 --val 200
_base_ = 'people_images_320x320.py'
data_root = 'data/drawn/'
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(data_root=data_root))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'val.json')
test_evaluator = val_evaluator
