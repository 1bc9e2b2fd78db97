# The covariance is regressed by its likelihood instead of decoded from the heatmap.
_base_ = 'unet_isbi2015_320x256_wide.py'
model = dict(head=dict(type='LikelihoodHead', likelihood=dict(type='CovarianceLikelihood', loss_weight=0.1)))
