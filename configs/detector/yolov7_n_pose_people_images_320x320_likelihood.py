# Each keypoint's covariance is regressed.
_base_ = 'yolov7_n_pose_people_images_320x320.py'
model = dict(head=dict(loss=dict(likelihood=dict(type='CovarianceLikelihood', kind='laplacian', loss_weight=0.02))))
