"""HybridNet: residual stages and dense blocks with attention."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.backbones.residual_block import ResidualBlock


class _ChannelAttention(nn.Module):
    """Gate channels by a shared perceptron on their average and their maximum."""

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        hidden = max(8, channels // reduction)
        self.perceptron = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        average, maximum = x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.perceptron(average) + self.perceptron(maximum))


class _SpatialAttention(nn.Module):
    """Gate cells by a 7x7 convolution of the average and the maximum over channels."""

    def __init__(self, norm_cfg: dict):
        super().__init__()
        self.conv = ConvModule(2, 1, 7, padding=3, norm_cfg=norm_cfg, act_cfg=None)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.conv(pooled))


class _DenseBlock(nn.Module):
    """Layers that each see all earlier ones (Huang et al. 2017), CBAM (Woo et al. 2018) on their sum-up, a shortcut."""

    def __init__(self, channels: int, layers: int, growth: int, norm_cfg: dict):
        super().__init__()
        self.layers = nn.ModuleList(
            ConvModule(channels + i * growth, growth, 3, padding=1, norm_cfg=norm_cfg) for i in range(layers)
        )
        self.transition = ConvModule(channels + layers * growth, channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        self.attention = nn.Sequential(_ChannelAttention(channels), _SpatialAttention(norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for layer in self.layers:
            features = torch.cat((features, layer(features)), dim=1)
        return F.relu(x + self.attention(self.transition(features)))


@MODELS.register_module()
class HybridNet(BaseModule):
    """Backbone of four stages, each of residual blocks and one dense block with CBAM attention.

    The combination of He et al. 2016, "Deep residual learning for image recognition", Huang et al. 2017, "Densely
    connected convolutional networks" and Woo et al. 2018, "CBAM: Convolutional block attention module".

    Args:
        variant: a name in `variants`.
        in_channels: channels of the input image.
        norm_cfg: config of the batch normalisation, BN (default) or SyncBN.
        init_cfg: config of the initialisation, e.g. ``dict(type='Pretrained', checkpoint=..., prefix='backbone.')``.

    Raises:
        ValueError: if there is no such variant.
    """

    variants: ClassVar[dict] = {
        's': dict(
            stem=16, channels=(32, 64, 128, 192), blocks=(1, 1, 1, 1), layers=(2, 3, 3, 3), growth=(16, 24, 32, 48)
        ),
        'b': dict(
            stem=32, channels=(64, 128, 256, 384), blocks=(3, 4, 5, 1), layers=(3, 4, 6, 4), growth=(32, 48, 64, 96)
        ),
    }

    def __init__(
        self, variant: str, in_channels: int = 3, norm_cfg: dict | None = None, init_cfg: dict | list | None = None
    ):
        super().__init__(init_cfg)
        if variant not in self.variants:
            raise ValueError(f'HybridNet has the variants {sorted(self.variants)}, not {variant!r}')
        spec, norm_cfg = self.variants[variant], norm_cfg or dict(type='BN')
        self.out_channels = spec['channels']
        self.stem = nn.Sequential(
            ConvModule(in_channels, spec['stem'], 3, stride=2, padding=1, norm_cfg=norm_cfg),
            ConvModule(spec['stem'], spec['channels'][0], 3, stride=2, padding=1, norm_cfg=norm_cfg),
        )
        self.stages, width = nn.ModuleList(), spec['channels'][0]
        for i, channels in enumerate(spec['channels']):
            strides = [1 if i == 0 else 2] + [1] * (spec['blocks'][i] - 1)
            widths = [width] + [channels] * (spec['blocks'][i] - 1)
            blocks = [ResidualBlock(w, channels, s, norm_cfg) for w, s in zip(widths, strides, strict=True)]
            self.stages.append(
                nn.Sequential(*blocks, _DenseBlock(channels, spec['layers'][i], spec['growth'][i], norm_cfg))
            )
            width = channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, C, H, W) to four maps (B, C_i, H / s, W / s) at strides s = 4, 8, 16, 32."""
        x, outputs = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return tuple(outputs)
