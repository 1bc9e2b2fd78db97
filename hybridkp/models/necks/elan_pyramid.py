"""ElanPyramid: the neck of the W6 family of YOLOv7."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.backbones.aggregation_block import AggregationBlock
from hybridkp.models.backbones.conv_unit import ConvUnit
from hybridkp.models.necks.pooling_block import PoolingBlock


@MODELS.register_module()
class ElanPyramid(BaseModule):
    """Path from coarse to fine and back to coarse, an `AggregationBlock` at each step.

    Liu et al. 2018, "Path aggregation network for instance segmentation", with the blocks of Wang et al. 2022,
    "YOLOv7". The coarsest map goes through a `PoolingBlock` first; each level ends with a 3x3 convolution.

    Args:
        in_channels: channels of the backbone's maps, finest first.
        channels: channels of the levels within the neck.
        out_channels: channels of the levels given out.
        depth: how many convolutions a block's chain has, each of half the level's channels; all are merged.

    Raises:
        ValueError: if the numbers of levels differ, or if there are fewer than two.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: Sequence[int], out_channels: Sequence[int], depth: int = 4
    ):
        super().__init__()
        levels = len(channels)
        if levels < 2 or len(in_channels) != levels or len(out_channels) != levels:
            counts = len(in_channels), levels, len(out_channels)
            raise ValueError(
                f'ElanPyramid takes as many in_channels, channels and out_channels, two or more, not {counts}'
            )
        self.out_channels = tuple(out_channels)
        fine, coarse = channels[:-1], channels[1:]
        self.pooling = PoolingBlock(in_channels[-1], channels[-1])
        self.reductions = nn.ModuleList(ConvUnit(b, a, 1) for a, b in zip(fine, coarse, strict=True))
        self.laterals = nn.ModuleList(ConvUnit(b, a, 1) for a, b in zip(fine, in_channels[:-1], strict=True))
        self.upward = nn.ModuleList(self._block(width, depth) for width in fine)
        self.strided = nn.ModuleList(ConvUnit(a, b, 3, 2) for a, b in zip(fine, coarse, strict=True))
        self.downward = nn.ModuleList(self._block(width, depth) for width in coarse)
        self.outputs = nn.ModuleList(ConvUnit(a, b, 3) for a, b in zip(channels, out_channels, strict=True))

    @staticmethod
    def _block(width: int, depth: int) -> AggregationBlock:
        return AggregationBlock(2 * width, width, width // 2, width, depth, 1)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Map (B, C_i, h_i, w_i), finest first and each half as large as the one before, to maps of these sizes."""
        levels = [self.pooling(feats[-1])]
        for i in reversed(range(len(feats) - 1)):
            coarser = F.interpolate(self.reductions[i](levels[0]), scale_factor=2.0, mode='nearest')
            levels.insert(0, self.upward[i](torch.cat((self.laterals[i](feats[i]), coarser), dim=1)))
        for i, block in enumerate(self.downward):
            levels[i + 1] = block(torch.cat((self.strided[i](levels[i]), levels[i + 1]), dim=1))
        return tuple(output(level) for output, level in zip(self.outputs, levels, strict=True))
