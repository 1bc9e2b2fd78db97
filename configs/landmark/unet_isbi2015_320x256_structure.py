# Targets that are long along the edge of bone or skin that a landmark lies on, and as large.
_base_ = 'unet_isbi2015_320x256_wide.py'
model = dict(head=dict(codec=dict(covariance=dict(type='StructureCovariance'))))
