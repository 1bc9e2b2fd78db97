"""The contract of every source of target covariances."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hybridkp.codecs.target_context import TargetContext


class CovarianceSource(nn.Module, ABC):
    """Say how wide the targets are: a covariance a keypoint, in px^2 of the input.

    Args:
        sigma: the targets' standard deviation in input px, one for all keypoints or one each.
        relative_sigma: the same as a fraction of the input's side (of sqrt(H * W) where it is no square), but never
            less than 3/4 of a cell; 0.00586 gives the landmark literature's 0.75 px at 128, 1.5 at 256 and 3 at 512.
        num_keypoints: K; None where the number of widths need not be checked.
        cell: side of a heatmap's cell in px, between which a narrower Gaussian would fall; the codec gives its own,
            unless maps are interpolated from coarser ones and the config says theirs.

    Raises:
        ValueError: if not exactly one of the widths is given, if one is not positive and finite, or if there are
            neither 1 nor K of them.
    """

    narrowest = 0.75
    """Smallest relative width in cells, that of the landmark literature's smallest input."""

    def __init__(
        self,
        sigma: float | Sequence[float] | None = None,
        relative_sigma: float | Sequence[float] | None = None,
        num_keypoints: int | None = None,
        cell: float = 0.0,
    ):
        super().__init__()
        if (sigma is None) == (relative_sigma is None):
            raise ValueError(f'{type(self).__name__} takes either sigma (px) or relative_sigma (fraction of the side)')
        self.relative, self.cell = sigma is None, cell
        given = relative_sigma if self.relative else sigma
        widths = list(given) if isinstance(given, Sequence) else [given]
        if not all(math.isfinite(width) and width > 0 for width in widths):
            raise ValueError(f'a standard deviation must be positive and finite, got {widths}')
        if len(widths) > 1 and num_keypoints is not None and len(widths) != num_keypoints:
            raise ValueError(f'{len(widths)} standard deviations for {num_keypoints} keypoints')
        self.register_buffer('widths', torch.tensor(widths, dtype=torch.float32), persistent=False)

    def variance(self, input_size: tuple[int, int]) -> Tensor:
        """Return the given variances (1,) or (K,) in px^2 for an input of (H, W) px."""
        if not self.relative:
            return self.widths.square()
        return (self.widths.square() * (input_size[0] * input_size[1])).clamp(min=(self.narrowest * self.cell) ** 2)

    @abstractmethod
    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px.

        Raises:
            ValueError: if the source needs something that the context does not have.
        """

    def penalty(self) -> Tensor | None:
        """Return what learned parameters add to the loss, a scalar, or None."""
        return None
