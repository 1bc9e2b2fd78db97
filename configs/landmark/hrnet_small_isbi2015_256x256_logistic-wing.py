# What this network is known with: adaptive wing on logistic maps, without a foreground map, on narrow targets.
_base_ = 'hrnet_small_isbi2015_256x256.py'
model = dict(
    head=dict(
        sigmoid=True,
        initial_bias=-2.0,
        codec=dict(covariance=dict(cell=1)),
        loss=dict(_delete_=True, type='WeightedAdaptiveWing', epsilon=2, foreground_weight=0),
    )
)
