# Targets along the limbs, of each keypoint's OKS width.
_base_ = 'hybridnet_s_coco_256x192.py'
model = dict(head=dict(codec=dict(covariance=dict(_delete_=True, type='LimbCovariance', skeleton=_base_.skeleton))))
