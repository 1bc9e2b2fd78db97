_base_ = 'unet_isbi2015_128x128_wide.py'
model = dict(head=dict(type='LikelihoodHead', likelihood=dict(type='CovarianceLikelihood', loss_weight=0.1)))
