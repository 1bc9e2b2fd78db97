# With mmpose's MSRAHeatmap: round targets of two cells, the flip test and the decoder of its configs.
_base_ = 'hybridnet_s_people_256x192.py'
model = dict(head=dict(codec=dict(_delete_=True, type='PublishedHeatmap', rule='mmpose', relative_sigma=0.0360844)))
