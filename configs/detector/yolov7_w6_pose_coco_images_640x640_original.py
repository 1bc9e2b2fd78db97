# For checkpoints of the network's authors, and trained with their loss.
_base_ = 'yolov7_w6_pose_coco_images_640x640.py'
model = dict(head=dict(rule='original', loss=dict(gains=dict(visibility=0.3))))
