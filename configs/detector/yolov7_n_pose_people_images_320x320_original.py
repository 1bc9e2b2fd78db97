# The loss of the network's authors, to compare with.
_base_ = 'yolov7_n_pose_people_images_320x320.py'
model = dict(head=dict(rule='original', loss=dict(gains=dict(visibility=0.3))))
