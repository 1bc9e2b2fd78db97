"""Zooming of images and heatmaps about a point."""

from torch import Tensor
from torch.nn import functional


def zoom(maps: Tensor, factor: float, center: tuple[float, float] | None = None) -> Tensor:
    """Enlarge what maps show about a point and keep their size: what lies at center + d comes to center + factor * d.

    Values are interpolated bicubically. Beyond the border an image goes on as it ends.

    Args:
        maps: (B, C, h, w), floating point.
        factor: positive; below 1 to shrink.
        center: (x, y) in px of the maps, pixel i centred at i; None for their middle.

    Raises:
        ValueError: if the factor is not positive.
    """
    if not factor > 0:
        raise ValueError(f'zoom takes a positive factor, not {factor}')
    height, width = maps.shape[-2:]
    x, y = ((width - 1) / 2, (height - 1) / 2) if center is None else center
    rest = 1 - 1 / factor
    # in affine_grid's frame from -1 to 1 a pixel i of n is at (2 i + 1) / n - 1
    rows = [[1 / factor, 0, rest * ((2 * x + 1) / width - 1)], [0, 1 / factor, rest * ((2 * y + 1) / height - 1)]]
    grid = functional.affine_grid(maps.new_tensor(rows).expand(len(maps), 2, 3), maps.shape, align_corners=False)
    return functional.grid_sample(maps, grid, mode='bicubic', padding_mode='border', align_corners=False)
