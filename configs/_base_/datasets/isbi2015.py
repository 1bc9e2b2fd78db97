# Lateral cephalograms of the ISBI 2015 challenge, not bundled: docs/landmarks.md says how to prepare them. Of images
# 1-150 three quarters to train on, the rest to choose by; images 151-300 (Test1) to test on. The reference is the mean
# of both readers. The unit holds the head by its ears: the landmarks of images 1-150 lie within this region, 4 % of the
# frame or more from its edges.
_base_ = ['radiograph.py', '../skeletons/ceph19.py']
data_root = 'data/isbi2015/'
read = [_base_.image, dict(type='FrameRegion', region=(0.22, 0.26, 0.95, 0.99)), _base_.box]
num_keypoints = len(_base_.skeleton.keypoints)
network = dict(head=dict(num_keypoints=num_keypoints))
heads = dict(type='CocoKeypoints', data_root=data_root, data_prefix=dict(img='images/'), skeleton=_base_.skeleton)
train_dataloader = dict(dataset=dict(**heads, ann_file='fold0/train.json'))
val_dataloader = dict(dataset=dict(**heads, ann_file='fold0/val.json', test_mode=True))
test_dataloader = dict(dataset=dict(**heads, ann_file='test1.json', test_mode=True))
