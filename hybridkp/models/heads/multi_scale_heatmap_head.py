"""The head that sums heatmaps of several scales at the input's resolution."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.heads.gaussian_heatmap_head import Features, GaussianHeatmapHead


@MODELS.register_module()
class MultiScaleHeatmapHead(GaussianHeatmapHead):
    """A `GaussianHeatmapHead` that reads every branch of `HRNetSmall` and sums what they say.

    Each branch has a 3x3 convolution to the finest branch's channels with batch normalisation and ReLU, is resized to
    the finest branch's size and mapped to K heatmaps; their sum is resized bilinearly by `upsample`, from there on in
    float32 at least. With a finest branch of stride s the codec's stride is s / `upsample`. For SyncBN, set ``sync_bn``
    in the config.

    Args:
        in_channels: channels of the feature maps, finest first, each half as large as the one before.
        num_keypoints: K.
        codec: config of a `KeypointCodec`.
        loss: config of a heatmap loss ``(output, target, weights (B, K)) -> scalar``.
        sigmoid: whether heatmaps are the logistic function of the sum.
        upsample: the heatmaps' size over that of the finest feature map.
        initial_bias: what each branch's bias begins with; -2, together with `sigmoid`, begins four branches with
            nearly empty maps.
        init_cfg: config of the initialisation; by default Kaiming's, normal with 0.01 for the last convolutions.

    Raises:
        ValueError: if `upsample` is not a positive integer.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_keypoints: int,
        codec: dict,
        loss: dict,
        sigmoid: bool = False,
        upsample: int = 4,
        initial_bias: float = 0.0,
        init_cfg: dict | list | None = None,
    ):
        if upsample != int(upsample) or upsample < 1:
            raise ValueError(f'upsample is a positive integer, not {upsample}')
        last = dict(type='Normal', name='last_layers', std=0.01, bias=initial_bias)
        init_cfg = init_cfg or dict(type='Kaiming', layer='Conv2d', override=last)
        super().__init__(in_channels, num_keypoints, codec, loss, sigmoid, init_cfg)
        self.upsample = int(upsample)

    @property
    def last_layers(self) -> nn.ModuleList:
        """The convolutions to heatmaps, one a branch."""
        return nn.ModuleList(layers[-1] for layers in self.final_layers)

    def _add_layers(self, in_channels: Sequence[int], num_keypoints: int) -> None:
        self.final_layers, hidden = nn.ModuleList(), in_channels[0]
        for branch, channels in enumerate(in_channels):
            layers = [nn.Conv2d(channels, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(True)]
            if branch:
                layers.append(nn.Upsample(scale_factor=2**branch, mode='bilinear'))
            self.final_layers.append(nn.Sequential(*layers, nn.Conv2d(hidden, num_keypoints, 1)))

    def _logits(self, feats: Features) -> list[Tensor]:
        total = sum(layers(feat) for layers, feat in zip(self.final_layers, feats, strict=True))
        total = total.to(torch.promote_types(total.dtype, torch.float32))
        return [F.interpolate(total, scale_factor=self.upsample, mode='bilinear')]
