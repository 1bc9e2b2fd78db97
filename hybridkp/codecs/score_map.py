"""The codec of many points on one map."""

import math

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor, nn

from hybridkp.ops.covariance import from_sigmas, to_sigmas
from hybridkp.ops.full_precision import full_precision
from hybridkp.ops.gaussian import TRUNCATION
from hybridkp.ops.point_maps import find_points, render_points


@KEYPOINT_CODECS.register_module()
class ScoreMap(nn.Module):
    """Translate any number of points of an image, with covariances, to one map and back.

    Batched, on its input's device; encoding waits for nothing. Pixels go in and pixels come out: (x, y), pixel i
    centred at i, cell = (pixel + 0.5) / stride - 0.5. A point is drawn as a Gaussian of a part of its covariance, whose
    axes have lower and upper limits, so that neighbours stay apart and the narrowest is wider than a cell.

    Attributes:
        to_cells: (3, 3), the homography from the input's pixels to cells.

    Args:
        stride: input pixels per cell.
        width: the standard deviations of what is drawn over those of the point's covariance.
        sigmas: least and greatest standard deviation in px of what is drawn.
        radius: distance in px up to which a peak has no greater value beside it.

    Raises:
        ValueError: if a limit is not positive, or the limits are not in order.
    """

    def __init__(
        self, stride: int = 2, width: float = 0.5, sigmas: tuple[float, float] = (1.5, 3.0), radius: float = 4.0
    ):
        super().__init__()
        if not 0 < sigmas[0] <= sigmas[1] or width <= 0 or radius < stride:
            raise ValueError(
                f'ScoreMap: expected 0 < sigmas[0] <= sigmas[1], a width above 0 and a radius of at least a cell, '
                f'got {tuple(sigmas)}, {width} and {radius}'
            )
        self.stride, self.width, self.sigmas, self.radius = stride, width, tuple(sigmas), radius
        scale, shift = 1 / stride, 0.5 / stride - 0.5
        to_cells = torch.tensor([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
        self.register_buffer('to_cells', to_cells, persistent=False)

    def target_covariance(self, covariance: Tensor) -> Tensor:
        """Return what is drawn (..., 2, 2) in px^2 of points with covariances (..., 2, 2) px^2."""
        sigma1, sigma2, angle = to_sigmas(covariance)
        return from_sigmas(*((self.width * sigma).clamp(*self.sigmas) for sigma in (sigma1, sigma2)), angle)

    def encode(self, points: Tensor, covariance: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
        """Draw points (B, N, 2) px with covariances (B, N, 2, 2) px^2 and weights (B, N): maps (B, 1, h, w)."""
        drawn = self.target_covariance(covariance) / self.stride**2
        reach = math.ceil(TRUNCATION * self.sigmas[1] / self.stride)
        return render_points((points + 0.5) / self.stride - 0.5, drawn, weights, size, reach)[:, None]

    def decode(self, maps: Tensor, count: int, threshold: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
        """Find at most `count` points above a threshold in maps (B, 1, h, w).

        Returns:
            Points (B, N, 2) px, the best first; scores (B, N) in [0, 1], 0 for an empty place; covariances
            (B, N, 2, 2) px^2, of the points, not of what was drawn.
        """
        radius = max(1, round(self.radius / self.stride))
        with full_precision(maps.device):
            cells, scores, drawn = find_points(maps[:, 0], count, radius, threshold)
        return (cells + 0.5) * self.stride - 0.5, scores, drawn * (self.stride / self.width) ** 2

    def cell_centres(self, size: tuple[int, int], like: Tensor) -> Tensor:
        """Return where the cells of a map (h, w) lie in the input: (h, w, 2), (x, y) in px."""
        rows, columns = (
            (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) * self.stride - 0.5 for side in size
        )
        return torch.stack(torch.meshgrid(columns, rows, indexing='xy'), dim=-1)
