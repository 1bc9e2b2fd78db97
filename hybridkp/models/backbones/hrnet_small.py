"""HRNetSmall: parallel branches of plain convolutions that exchange what they found."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


def _convolution(in_channels: int, channels: int, kernel: int, stride: int, norm_cfg: dict) -> list[nn.Module]:
    """Return a convolution that keeps the size up to the stride, and its normalisation."""
    convolution = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    return [convolution, build_norm_layer(norm_cfg, channels)[1]]


def _plain(in_channels: int, channels: int, strides: Sequence[int], norm_cfg: dict) -> nn.Sequential:
    """Return a chain of 3x3 convolutions with normalisation and ReLU, one a stride."""
    layers = []
    for stride in strides:
        layers += [*_convolution(in_channels, channels, 3, stride, norm_cfg), nn.ReLU(inplace=True)]
        in_channels = channels
    return nn.Sequential(*layers)


class _Exchange(nn.Module):
    """Two convolutions on each branch, then the sum of each branch and of what all others send it.

    A finer branch sends by one convolution of the whole stride, a coarser one by a 1x1 convolution, resized.
    """

    def __init__(self, in_channels: Sequence[int], channels: Sequence[int], norm_cfg: dict):
        super().__init__()
        self.branches = nn.ModuleList(
            _plain(before, after, (1, 1), norm_cfg) for before, after in zip(in_channels, channels, strict=True)
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._path(source, target, channels, norm_cfg) for source in range(len(channels)))
            for target in range(len(channels))
        )

    @staticmethod
    def _path(source: int, target: int, channels: Sequence[int], norm_cfg: dict) -> nn.Module:
        if source == target:
            return nn.Identity()
        kernel, stride = (3, 2 ** (target - source)) if source < target else (1, 1)
        layers = _convolution(channels[source], channels[target], kernel, stride, norm_cfg)
        if source > target:
            layers.append(nn.Upsample(scale_factor=2 ** (source - target), mode='bilinear'))
        return nn.Sequential(*layers)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [F.relu(self._fuse(target, maps)) for target in range(len(maps))]

    def _fuse(self, target: int, maps: list[Tensor]) -> Tensor:
        fused = maps[target]
        for source, path in enumerate(self.fuse_layers[target]):
            if source != target:
                fused = fused + path(maps[source])
        return fused


@MODELS.register_module()
class HRNetSmall(BaseModule):
    """Backbone of four parallel branches at strides 4, 8, 16 and 32, small and without shortcuts.

    The branches and their exchange are those of Wang et al. 2020, "Deep high-resolution representation learning for
    visual recognition"; other than in mmpose's `HRNet`, blocks are chains of two convolutions, a coarser branch begins
    by one convolution, a finer one sends by one, and coarser maps are resized bilinearly. With `MultiScaleHeatmapHead`
    it is the landmark network of 6.35 million parameters that circulates under the name of HRNet for cephalograms.

    Args:
        width: channels w of the finest branch; the others have 2w, 4w and 8w.
        in_channels: channels of the input image.
        norm_cfg: config of the batch normalisation, BN (default) or SyncBN.
        init_cfg: config of the initialisation; by default Kaiming's, normal, by fan-out.

    Raises:
        ValueError: if the width is not positive.
    """

    stride = 32
    """Stride of the coarsest map, of which the input's sides are multiples."""

    def __init__(
        self,
        width: int = 32,
        in_channels: int = 3,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d'))
        if width < 1:
            raise ValueError(f'HRNetSmall needs a positive width, not {width}')
        norm_cfg = norm_cfg or dict(type='BN')
        self.out_channels = (width, 2 * width, 4 * width, 8 * width)
        w1, w2, w3, w4 = self.out_channels
        self.stem = _plain(in_channels, 64, (2, 2), norm_cfg)
        self.stage1 = nn.Sequential(_Exchange((64,), (w1,), norm_cfg))
        self.transition1 = self._transition(w1, w2, 1, norm_cfg)
        self.stage2 = self._stage((w1, w2), 1, norm_cfg)
        self.transition2 = self._transition(w2, w3, 2, norm_cfg)
        self.stage3 = self._stage((w1, w2, w3), 2, norm_cfg)
        self.transition3 = self._transition(w3, w4, 3, norm_cfg)
        self.stage4 = self._stage((w1, w2, w3, w4), 2, norm_cfg)

    @staticmethod
    def _transition(in_channels: int, channels: int, index: int, norm_cfg: dict) -> nn.ModuleList:
        """Let `index` branches pass and begin one more, from the coarsest of them."""
        return nn.ModuleList([nn.Identity()] * index + [_plain(in_channels, channels, (2,), norm_cfg)])

    @staticmethod
    def _stage(channels: tuple[int, ...], modules: int, norm_cfg: dict) -> nn.Sequential:
        return nn.Sequential(*(_Exchange(channels, channels, norm_cfg) for _ in range(modules)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, C, H, W) to four maps (B, C_i, H / s, W / s) at strides s = 4, 8, 16, 32.

        Raises:
            ValueError: if a side is no multiple of 32 px: cells of the coarser maps would not cover whole cells of the
                finer ones.
        """
        if any(side % self.stride for side in x.shape[-2:]):
            size = 'x'.join(str(side) for side in x.shape[-2:])
            raise ValueError(f'HRNetSmall takes images whose sides are multiples of {self.stride} px, not {size}')
        maps = self.stage1([self.stem(x)])
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            maps = stage([*maps, transition[-1](maps[-1])])
        return tuple(maps)
