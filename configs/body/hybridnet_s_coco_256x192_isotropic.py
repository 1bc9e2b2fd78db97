_base_ = 'hybridnet_s_coco_256x192.py'
model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', relative_sigma=0.036)))
