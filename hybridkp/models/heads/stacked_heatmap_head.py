"""The head that supervises every stack of a stacked network."""

from collections.abc import Sequence

from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.heads.gaussian_heatmap_head import Features, GaussianHeatmapHead


@MODELS.register_module()
class StackedHeatmapHead(GaussianHeatmapHead):
    """A `GaussianHeatmapHead` with one 1x1 convolution a stack: the loss is the stacks' mean, the last one predicts.

    For backbones that return one map a stack, all of the same size, such as mmpose's `HourglassNet`: intermediate
    supervision of Newell et al. 2016, "Stacked hourglass networks for human pose estimation".

    Its arguments are those of `GaussianHeatmapHead`, but ``in_channels`` are the channels of each stack's map.
    """

    def _add_layers(self, in_channels: Sequence[int], num_keypoints: int) -> None:
        self.final_layers = nn.ModuleList(nn.Conv2d(channels, num_keypoints, 1) for channels in in_channels)

    def _logits(self, feats: Features) -> list[Tensor]:
        return [layer(feat) for layer, feat in zip(self.final_layers, feats, strict=True)]
