"""Target covariances that are learned with the network."""

import math
from collections.abc import Sequence

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor, nn

from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.target_context import TargetContext
from hybridkp.ops.covariance import area


@KEYPOINT_CODECS.register_module()
class LearnedCovariance(CovarianceSource):
    """One learned target covariance a keypoint: sigma^2 (floor^2 I + L L^T), L lower triangular.

    No parameter value gives a degenerate covariance: no axis is shorter than floor * sigma. A keypoint that the
    network can place only roughly along some direction has a smaller loss with a Gaussian that is long there; the
    penalty keeps the area from growing without bound (Thaler, Payer, Stern and Urschler 2021, "Modeling annotation
    uncertainty with Gaussian heatmaps in landmark localization"; here the area is relative to the initial one).

    Args:
        sigma: initial standard deviation along both axes, in input px, see `CovarianceSource`.
        relative_sigma: the same as a fraction of the input's side.
        num_keypoints: K.
        cell: side of a heatmap's cell in px, see `CovarianceSource`.
        floor: the smallest standard deviation over the initial one.
        alpha: weight of the area penalty.
        isotropic: whether only the width is learned, and the targets stay round.

    Raises:
        ValueError: if K is missing or not 0 < floor < 1.
    """

    def __init__(
        self,
        sigma: float | Sequence[float] | None = None,
        relative_sigma: float | Sequence[float] | None = None,
        num_keypoints: int | None = None,
        cell: float = 0.0,
        floor: float = 0.5,
        alpha: float = 0.1,
        isotropic: bool = False,
    ):
        super().__init__(sigma, relative_sigma, num_keypoints, cell)
        if num_keypoints is None:
            raise ValueError('LearnedCovariance needs num_keypoints')
        if not 0 < floor < 1:
            raise ValueError(f'floor must lie between 0 and 1, got {floor}')
        self.floor, self.alpha, self.isotropic = floor, alpha, isotropic
        start = math.sqrt(1 - floor**2)
        factor = [start] if isotropic else [start, 0, start]
        self.cholesky = nn.Parameter(torch.tensor(factor).repeat(num_keypoints, 1))

    def shapes(self) -> Tensor:
        """Return the covariances (K, 2, 2) over the initial variance, of which all are the identity at first."""
        if self.isotropic:
            l11 = l22 = self.cholesky[:, 0]
            l21 = torch.zeros_like(l11)
        else:
            l11, l21, l22 = self.cholesky.unbind(dim=-1)
        floor = self.floor**2
        entries = (l11.square() + floor, l11 * l21, l11 * l21, l21.square() + l22.square() + floor)
        return torch.stack(entries, dim=-1).unflatten(-1, (2, 2))

    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px."""
        covariances = self.variance(input_size)[:, None, None] * self.shapes()
        return covariances.expand(len(keypoints), -1, -1, -1)

    def penalty(self) -> Tensor:
        """Return alpha times the mean area sigma1 * sigma2 over the initial one, a scalar."""
        return self.alpha * area(self.shapes()).mean()
