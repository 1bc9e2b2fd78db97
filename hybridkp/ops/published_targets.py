"""Target heatmaps as published checkpoints were trained on."""

import torch
from torch import Tensor

REACH = 3
"""Half side of the square outside of which a target is zero, in standard deviations."""


def render_squares(points: Tensor, sigmas: Tensor, size: tuple[int, int], rounded: bool, windowed: bool) -> Tensor:
    """Render one round Gaussian of peak 1 a map, as in HRNet's, mmpose's and DARK's code.

    Args:
        points: (B, K, 2), (x, y) in cells.
        sigmas: (B, K), standard deviations in cells.
        size: (h, w) of the maps.
        rounded: whether the Gaussian is centred on the nearest cell (int(x + 0.5), towards 0) rather than on the point.
        windowed: whether it is zero outside the square of `REACH` standard deviations around the nearest cell.

    Returns:
        Heatmaps (B, K, h, w) in the points' dtype.
    """
    nearest = (points + 0.5).trunc()
    centres = nearest if rounded else points
    factors = []
    for axis, side in ((1, size[0]), (0, size[1])):
        cells = torch.arange(side, device=points.device, dtype=points.dtype)
        factor = torch.exp(-((cells - centres[..., axis, None]) / sigmas[..., None]).square() / 2)
        inside = (cells - nearest[..., axis, None]).abs() <= REACH * sigmas[..., None] + 1e-3
        factors.append(torch.where(inside, factor, 0) if windowed else factor)
    return factors[0][..., :, None] * factors[1][..., None, :]
