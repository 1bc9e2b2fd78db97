# The five sources of targets at one mean width, 2.6 px, for docs/results.md: here each landmark learns its covariance.
_base_ = 'unet_isbi2015_128x128.py'
model = dict(head=dict(codec=dict(covariance=dict(relative_sigma=0.02))))
