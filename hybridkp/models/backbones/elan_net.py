"""ElanNet: the backbone of the W6 family of YOLOv7."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from hybridkp.errors import InputError
from hybridkp.models.backbones.aggregation_block import AggregationBlock
from hybridkp.models.backbones.conv_unit import ConvUnit


@MODELS.register_module()
class ElanNet(BaseModule):
    """Backbone that halves the size by moving pixels into channels, then once a stage, each with an `AggregationBlock`.

    Wang et al. 2022, "YOLOv7: trainable bag-of-freebies sets new state-of-the-art for real-time object detectors". The
    names of the parameters are ours; the order of concatenated channels is that of the published weights.

    Args:
        stem: channels at stride 2.
        stages: for each stage, the first one at stride 4, its channels and those within its block.
        depth: how many convolutions a block's chain has; every second one is merged.
        skip: how many of the finest stages are not given out.
        in_channels: channels of the image.

    Raises:
        ValueError: if there is no stage to give out.
    """

    def __init__(
        self,
        stem: int,
        stages: Sequence[Sequence[int]],
        depth: int = 4,
        skip: int = 1,
        in_channels: int = 3,
    ):
        super().__init__()
        if not 0 <= skip < len(stages):
            raise ValueError(f'ElanNet needs a stage to give out, but skips {skip} of {len(stages)}')
        self.skip, self.stride = skip, 2 ** (len(stages) + 1)
        self.out_channels = tuple(width for width, _ in stages[skip:])
        self.stem = ConvUnit(4 * in_channels, stem, 3)
        self.stages = nn.ModuleList()
        before = stem
        for width, inner in stages:
            block = AggregationBlock(width, inner, inner, width, depth, 2)
            self.stages.append(nn.Sequential(ConvUnit(before, width, 3, 2), block))
            before = width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, C, H, W) to maps (B, C_i, H / s, W / s), at strides 8, 16, ... where one stage is skipped.

        Raises:
            InputError: if a side is no multiple of the coarsest stride: cells of the coarser maps would not cover whole
                cells of the finer ones.
        """
        if any(side % self.stride for side in x.shape[-2:]):
            size = 'x'.join(str(side) for side in x.shape[-2:])
            raise InputError(
                f'ElanNet takes images whose sides are multiples of {self.stride} px, not {size}: '
                "choose the data set's input_size so"
            )
        x = self.stem(to_depth(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps[self.skip :])


def to_depth(images: Tensor) -> Tensor:
    """Move 2x2 pixels of images (B, C, H, W) into channels (B, 4 C, H / 2, W / 2).

    All channels of the upper left pixels come first, then of the lower left, the upper right and the lower right ones.
    """
    parts = pixel_unshuffle(images, 2).unflatten(1, (-1, 2, 2))
    return parts.permute(0, 3, 2, 1, 4, 5).flatten(1, 3)
