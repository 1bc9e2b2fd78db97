"""Target covariances from image structure."""

import math
from collections.abc import Sequence

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.target_context import TargetContext
from hybridkp.ops.covariance import determinant
from hybridkp.ops.sigma_limits import limit_sigmas
from hybridkp.ops.structure_tensor import structure_tensor


@KEYPOINT_CODECS.register_module()
class StructureCovariance(CovarianceSource):
    """Targets that are long along an edge of the image and narrow across it, all of a given area.

    A point can be located across an edge but slides along it. The covariance is the inverse of the structure tensor T
    around the keypoint (see `ops.structure_tensor`), regularised and scaled to the area of a round target:

        S = sigma^2 M^-1 / sqrt(det M^-1)    with    M = T + (r tr(T) / 2 + flat^2) I,    r = 2 / (max_ratio^2 - 1)

    so that a perfect edge has just the axis ratio `max_ratio`, a corner or a blob a round target, and an area without
    structure too. No axis is narrower than 3/4 of a cell. Edges that the crop makes where it leaves the image count as
    edges.

    Args:
        sigma: standard deviation of a round target in input px, see `CovarianceSource`.
        relative_sigma: the same as a fraction of the input's side.
        window: standard deviation in input px of the Gaussian that says what is around a keypoint.
        max_ratio: the long axis over the short one at a perfect edge, above 1.
        flat: gradient, in grey values of the preprocessed image per px, that counts as none, above 0.
        num_keypoints: K; None where the number of widths need not be checked.
        cell: side of a heatmap's cell in px, see `CovarianceSource`.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self,
        sigma: float | Sequence[float] | None = None,
        relative_sigma: float | Sequence[float] | None = None,
        window: float = 3.0,
        max_ratio: float = 3.0,
        flat: float = 0.01,
        num_keypoints: int | None = None,
        cell: float = 0.0,
    ):
        super().__init__(sigma, relative_sigma, num_keypoints, cell)
        for name, value, least in (('window', window, 0), ('flat', flat, 0), ('max_ratio', max_ratio, 1)):
            if not least < value < math.inf:
                raise ValueError(f'{name} must be above {least} and finite, got {value}')
        self.window, self.flat = window, flat
        self.regulariser = 2 / (max_ratio**2 - 1)

    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px.

        Raises:
            ValueError: if the context has no images.
        """
        (images,) = (context or TargetContext()).require('StructureCovariance', 'images')
        tensors = structure_tensor(images, keypoints, self.window)
        a, b, _, d = tensors.flatten(-2).unbind(dim=-1)
        added = self.regulariser * (a + d) / 2 + self.flat**2
        adjugate = torch.stack((d + added, -b, -b, a + added), dim=-1).unflatten(-1, (2, 2))
        shapes = adjugate / determinant(adjugate).sqrt()[..., None, None]
        return limit_sigmas(self.variance(input_size)[:, None, None] * shapes, self.narrowest * self.cell)
