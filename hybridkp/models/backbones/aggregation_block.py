"""A chain of convolutions whose intermediate results are all used."""

import torch
from torch import Tensor, nn

from hybridkp.models.backbones.conv_unit import ConvUnit


class AggregationBlock(nn.Module):
    """Efficient layer aggregation of Wang et al. 2022, "YOLOv7: trainable bag-of-freebies sets new state-of-the-art".

    Two 1x1 convolutions look at the input. From the second one a chain of 3x3 convolutions starts. Every `every`-th of
    the chain, counted from its end, and both beginnings are concatenated, the end of the chain first, and a 1x1
    convolution merges them.

    Args:
        in_channels: channels of the input.
        branch_channels: channels of both beginnings.
        chain_channels: channels of each convolution of the chain.
        out_channels: channels of the output.
        depth: how many convolutions the chain has.
        every: which of them are merged.
    """

    def __init__(
        self,
        in_channels: int,
        branch_channels: int,
        chain_channels: int,
        out_channels: int,
        depth: int,
        every: int,
    ):
        super().__init__()
        self.shortcut = ConvUnit(in_channels, branch_channels, 1)
        self.start = ConvUnit(in_channels, branch_channels, 1)
        widths = [branch_channels] + [chain_channels] * depth
        self.chain = nn.ModuleList(
            ConvUnit(before, after, 3) for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.every = every
        merged = 2 * branch_channels + chain_channels * len(range(depth, 0, -every))
        self.merge = ConvUnit(merged, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        maps = [self.start(x)]
        for layer in self.chain:
            maps.append(layer(maps[-1]))
        return self.merge(torch.cat((*maps[:0:-1][:: self.every], maps[0], self.shortcut(x)), dim=1))
