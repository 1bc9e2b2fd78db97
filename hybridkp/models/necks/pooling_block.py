"""Pooling over several windows beside a shortcut."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridkp.models.backbones.conv_unit import ConvUnit


class PoolingBlock(nn.Module):
    """Spatial pyramid pooling (He et al. 2015) on one of two branches, as in YOLOv7.

    The main branch is a chain of three convolutions, the concatenation of its result with the greatest values in
    windows of several sides around each cell, and two more; the other is one convolution. A last one merges them.

    Args:
        in_channels: channels of the input.
        channels: channels of everything else.
        windows: sides of the windows in cells, odd.
    """

    def __init__(self, in_channels: int, channels: int, windows: tuple[int, ...] = (5, 9, 13)):
        super().__init__()
        self.windows = windows
        self.before = nn.Sequential(
            ConvUnit(in_channels, channels, 1), ConvUnit(channels, channels, 3), ConvUnit(channels, channels, 1)
        )
        self.after = nn.Sequential(
            ConvUnit((len(windows) + 1) * channels, channels, 1), ConvUnit(channels, channels, 3)
        )
        self.shortcut = ConvUnit(in_channels, channels, 1)
        self.merge = ConvUnit(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, channels, h, w)."""
        inner = self.before(x)
        pooled = [F.max_pool2d(inner, side, stride=1, padding=side // 2) for side in self.windows]
        return self.merge(torch.cat((self.after(torch.cat((inner, *pooled), dim=1)), self.shortcut(x)), dim=1))
