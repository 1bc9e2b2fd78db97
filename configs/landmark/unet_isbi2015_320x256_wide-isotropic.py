_base_ = 'unet_isbi2015_320x256.py'
model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.0105, stride=2)))
