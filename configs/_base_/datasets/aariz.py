# Aariz (CEPHA29): 29 landmarks on cephalograms of several machines, not bundled: docs/landmarks.md says how to prepare
# them. The official splits; the reference is the mean of both readers.
_base_ = ['radiograph.py', '../skeletons/ceph29.py']
data_root = 'data/aariz/'
num_keypoints = len(_base_.skeleton.keypoints)
network = dict(head=dict(num_keypoints=num_keypoints))
heads = dict(type='CocoKeypoints', data_root=data_root, skeleton=_base_.skeleton)
train_dataloader = dict(dataset=dict(**heads, ann_file='train.json'))
val_dataloader = dict(dataset=dict(**heads, ann_file='valid.json', test_mode=True))
test_dataloader = dict(dataset=dict(**heads, ann_file='test.json', test_mode=True))
