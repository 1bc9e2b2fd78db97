"""The parts of heatmaps near points."""

import torch
from torch import Tensor

FAINT = 1e-6
"""Height of what is put where a map has no positive value near its point."""


def keep_near(heatmaps: Tensor, points: Tensor, radius: float) -> Tensor:
    """Set heatmaps to 0 beyond a distance from the points that their peaks are expected at.

    A map without a positive value within that distance becomes faint and uniform there: its peak is then as uncertain
    as the distance is long, and not somewhere else.

    Args:
        heatmaps: (B, K, h, w).
        points: (B, K, 2), (x, y) in cells.
        radius: in cells, positive.

    Raises:
        ValueError: if the radius is not positive.
    """
    if not radius > 0:
        raise ValueError(f'keep_near takes a positive radius, not {radius}')
    height, width = heatmaps.shape[-2:]
    across = torch.arange(width, device=points.device) - points[..., :1]
    down = torch.arange(height, device=points.device) - points[..., 1:]
    near = across.square()[..., None, :] + down.square()[..., :, None] <= radius**2
    kept = torch.where(near, heatmaps, heatmaps.new_zeros(()))
    empty = kept.amax(dim=(2, 3), keepdim=True) <= 0
    return torch.where(near & empty, heatmaps.new_tensor(FAINT), kept)
