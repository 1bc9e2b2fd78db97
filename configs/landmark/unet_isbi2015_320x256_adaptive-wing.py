_base_ = 'unet_isbi2015_320x256.py'
model = dict(head=dict(loss=dict(_delete_=True, type='WeightedAdaptiveWing')))
