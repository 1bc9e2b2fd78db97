_base_ = 'hybridnet_s_openfield_240x320.py'
model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.02)))
