"""A feature pyramid that is summed up in one map."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class FeaturePyramid(BaseModule):
    """Top-down pathway of Lin et al. 2017, "Feature pyramid networks", of which only the finest level leaves.

    mmpose's `FPN` computes and returns a map for each level; a heatmap head takes one, and the other levels' output
    convolutions would be parameters without a gradient.

    Args:
        in_channels: channels of the input maps, finest first.
        out_channels: channels of the output map.
        norm_cfg: config of the batch normalisation, BN (default) or SyncBN.
        init_cfg: config of the initialisation.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or dict(type='BN')
        self.laterals = nn.ModuleList(
            ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None) for channels in in_channels
        )
        self.output = ConvModule(out_channels, out_channels, 3, padding=1, norm_cfg=norm_cfg)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Merge maps (B, C_i, h_i, w_i), finest first, into one map (B, out_channels, h_0, w_0)."""
        merged = self.laterals[-1](feats[-1])
        for lateral, feat in zip(reversed(self.laterals[:-1]), reversed(feats[:-1]), strict=True):
            merged = lateral(feat) + F.interpolate(merged, size=feat.shape[-2:], mode='nearest')
        return (self.output(F.relu(merged)),)
