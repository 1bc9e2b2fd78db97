_base_ = 'unet_isbi2015_128x128_wide.py'
model = dict(head=dict(codec=dict(covariance=dict(isotropic=True))))
