"""Deconvolutions from the coarsest map to one that is fine enough for heatmaps."""

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class Deconvolutions(BaseModule):
    """Transposed 4x4 convolutions of stride 2, each with batch normalisation and ReLU, on the coarsest map.

    The up-sampling part of Xiao et al. 2018, "Simple baselines for human pose estimation and tracking", which mmpose
    keeps inside its `HeatmapHead` under the same name: three of them bring ResNet's stride of 32 px to 4 px.

    Args:
        in_channels: channels of the coarsest map.
        out_channels: channels of the output map and between the layers.
        num_layers: how often the size is doubled.
        norm_cfg: config of the batch normalisation, BN (default) or SyncBN.
        init_cfg: config of the initialisation; by default normal with 0.001, as in the paper.

    Raises:
        ValueError: if there is no layer.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        num_layers: int = 3,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg or dict(type='Normal', layer='ConvTranspose2d', std=0.001))
        if num_layers < 1:
            raise ValueError(f'Deconvolutions needs at least one layer, not {num_layers}')
        layers = []
        for channels in (in_channels, *[out_channels] * (num_layers - 1)):
            layers += [
                nn.ConvTranspose2d(channels, out_channels, 4, stride=2, padding=1, bias=False),
                build_norm_layer(norm_cfg or dict(type='BN'), out_channels)[1],
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Map features, finest first, of which the last is (B, C, h, w), to (B, out_channels, 2^n h, 2^n w)."""
        return (self.deconv_layers(feats[-1]),)
