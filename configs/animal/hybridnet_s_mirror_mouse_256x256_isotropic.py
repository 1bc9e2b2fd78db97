_base_ = 'hybridnet_s_mirror_mouse_256x256.py'
model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.036)))
