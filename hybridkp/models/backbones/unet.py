"""A U-Net for landmarks."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.backbones.residual_block import ResidualBlock


@MODELS.register_module()
class UNet(BaseModule):
    """An encoder and a decoder with skip connections (Ronneberger, Fischer and Brox 2015, "U-Net").

    The encoder's stages are residual blocks (He et al. 2016), the first at the stem's stride, each further one at
    twice the stride before; the decoder goes back up by bilinear interpolation, concatenates the encoder's map of that
    stride and convolves.

    Args:
        channels: channels of the encoder's stages, finest first.
        blocks: residual blocks of each stage.
        decoder_channels: channels of the decoder's stages, coarsest first, one fewer than the encoder's.
        in_channels: channels of the image.
        stem_stride: 1 or 2; maps leave at this stride.
        norm_cfg: config of the batch normalisation, BN (default) or SyncBN.
        init_cfg: config of the initialisation.

    Raises:
        ValueError: if the lengths do not fit or the stem's stride is neither 1 nor 2.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 48, 96, 160, 224, 224),
        blocks: Sequence[int] = (1, 1, 2, 2, 2, 2),
        decoder_channels: Sequence[int] = (192, 160, 96, 64, 48),
        in_channels: int = 3,
        stem_stride: int = 2,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg)
        if not len(channels) == len(blocks) == len(decoder_channels) + 1 > 1:
            raise ValueError(
                'UNet takes as many blocks as channels and one decoder stage fewer, '
                f'got {len(channels)} channels, {len(blocks)} blocks, {len(decoder_channels)} decoder_channels'
            )
        if stem_stride not in (1, 2):
            raise ValueError(f'UNet has a stem of stride 1 or 2, not {stem_stride}')
        norm_cfg = norm_cfg or dict(type='BN')
        kernel = {1: 3, 2: 7}[stem_stride]
        self.stem = ConvModule(in_channels, channels[0], kernel, stem_stride, kernel // 2, norm_cfg=norm_cfg)
        self.encoder, width = nn.ModuleList(), channels[0]
        for i, (out, count) in enumerate(zip(channels, blocks, strict=True)):
            strides = [1 if i == 0 else 2] + [1] * (count - 1)
            widths = [width] + [out] * (count - 1)
            self.encoder.append(
                nn.Sequential(*(ResidualBlock(w, out, s, norm_cfg) for w, s in zip(widths, strides, strict=True)))
            )
            width = out
        self.decoder = nn.ModuleList()
        for out, skip in zip(decoder_channels, channels[-2::-1], strict=True):
            self.decoder.append(ConvModule(width + skip, out, 3, padding=1, norm_cfg=norm_cfg))
            width = out

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map images (B, C, H, W) to one map (B, decoder_channels[-1], H / s, W / s) at the stem's stride s."""
        x, skips = self.stem(x), []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.decoder, skips[-2::-1], strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode='bilinear', align_corners=False)
            x = stage(torch.cat((x, skip), dim=1))
        return (x,)
