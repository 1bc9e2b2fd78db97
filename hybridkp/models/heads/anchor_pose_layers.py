"""The layers of one level of an anchor-based keypoint head."""

import torch
from torch import Tensor, nn

from hybridkp.models.backbones.conv_unit import ConvUnit

DEPTH = 5
"""How many pairs of a depthwise and a 1x1 convolution the keypoint part has."""


class AnchorPoseLayers(nn.Module):
    """Two parts side by side, whose channels are read as one row of numbers per anchor.

    The detection part adds a learned vector to the features, applies a 1x1 convolution and multiplies by a learned
    vector (Wang et al. 2021, "You only learn one representation: unified network for multiple tasks"); the keypoint
    part is a chain of depthwise and 1x1 convolutions.

    The published network concatenates the channels of both parts and then cuts them into anchors, so that the first
    anchor has all channels of the detection part, and the others, boxes and all, have channels of the keypoint part
    alone. Trained weights depend on that, so it is so here; a network trained from nothing does not mind. The
    covariances, which the published network does not have, are a third part, cut into anchors by itself.

    Args:
        in_channels: channels of the level.
        anchors: A.
        detection: numbers of an anchor's box, objectness and classes.
        keypoints: K.
        covariances: whether there are three numbers a keypoint more.
    """

    def __init__(self, in_channels: int, anchors: int, detection: int, keypoints: int, covariances: bool = False):
        super().__init__()
        self.anchors = anchors
        self.added = nn.Parameter(torch.zeros(1, in_channels, 1, 1))
        self.detection = nn.Conv2d(in_channels, anchors * detection, 1)
        self.multiplied = nn.Parameter(torch.ones(1, anchors * detection, 1, 1))
        chain = []
        for _ in range(DEPTH):
            chain += [ConvUnit(in_channels, in_channels, 3, depthwise=True), ConvUnit(in_channels, in_channels, 1)]
        self.chain = nn.Sequential(*chain, ConvUnit(in_channels, in_channels, 3, depthwise=True))
        self.keypoints = nn.Conv2d(in_channels, anchors * 3 * keypoints, 1)
        self.shapes = nn.Conv2d(in_channels, anchors * 3 * keypoints, 1) if covariances else None

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, in_channels, h, w) to raw rows (B, A, h, w, numbers)."""
        detected, chained = self.detection(x + self.added) * self.multiplied, self.chain(x)
        rows = self._rows(torch.cat((detected, self.keypoints(chained)), dim=1))
        return rows if self.shapes is None else torch.cat((rows, self._rows(self.shapes(chained))), dim=-1)

    def _rows(self, maps: Tensor) -> Tensor:
        return maps.unflatten(1, (self.anchors, -1)).permute(0, 1, 3, 4, 2)

    def init_values(self, objectness: float, classes: float, every_anchor: bool) -> None:
        """Draw the last layers anew; the biases of few objects and rare classes are added to torch's own.

        Args:
            objectness: added to the bias of the objectness.
            classes: added to those of the classes.
            every_anchor: whether each anchor's are meant, or the columns of the detection part, as published, which
                are all of the first anchor's row.
        """
        nn.init.normal_(self.added, 0, 0.02)
        nn.init.normal_(self.multiplied, 1, 0.02)
        layers = (self.detection, self.keypoints)
        for layer in layers:
            layer.reset_parameters()
        sizes = [len(layer.bias) for layer in layers]
        numbers = sizes[0] // self.anchors
        width = sum(sizes) // self.anchors if every_anchor else numbers
        with torch.no_grad():
            biases = torch.cat([layer.bias for layer in layers])
            for start in range(0, self.anchors * width, width):
                biases[start + 4] += objectness
                biases[start + 5 : start + numbers] += classes
            for layer, values in zip(layers, biases.split(sizes), strict=True):
                layer.bias.copy_(values)
