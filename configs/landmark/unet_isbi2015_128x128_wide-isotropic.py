_base_ = 'unet_isbi2015_128x128_wide.py'
model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.02, stride=2)))
