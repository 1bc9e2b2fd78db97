_base_ = 'unet_isbi2015_128x128.py'
model = dict(head=dict(loss=dict(_delete_=True, type='WeightedAdaptiveWing')))
