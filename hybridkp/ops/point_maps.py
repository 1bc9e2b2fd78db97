"""Maps that show any number of points at once: drawing them and finding them again."""

import torch
from torch import Tensor
from torch.nn import functional

from hybridkp.ops import covariance
from hybridkp.ops.gaussian import TRUNCATION
from hybridkp.ops.peaks import fit_peaks
from hybridkp.ops.static_graph import is_static


def render_points(points: Tensor, covariances: Tensor, weights: Tensor, size: tuple[int, int], reach: int) -> Tensor:
    """Draw all points of an image into one map: in each cell the greatest of their weighted Gaussians.

    That is the maximum over the maps of `ops.gaussian.render_gaussians`, without making a map a point.

    Args:
        points: (B, N, 2), (x, y) in cells; what is not finite is not drawn.
        covariances: (B, N, 2, 2) in cells^2, positive definite.
        weights: (B, N), at least 0, the peaks' heights; 0 for an empty place.
        size: (h, w) of the maps.
        reach: half side in cells of the window that a Gaussian is drawn in, 4 of its standard deviations at least.

    Returns:
        (B, h, w) in the points' dtype.
    """
    height, width = size
    points = points.nan_to_num(-1e6, -1e6, -1e6).clamp(-1e6, 1e6)
    steps = torch.arange(-reach, reach + 1, device=points.device)
    columns, rows = (points[..., axis, None].round().long() + steps for axis in (0, 1))
    dx, dy = columns - points[..., :1], rows - points[..., 1:]
    precision = covariance.inverse(covariances)[..., None, None]
    distance = (
        precision[..., 0, 0, :, :] * dx.square()[..., None, :] + precision[..., 1, 1, :, :] * dy.square()[..., :, None]
    )
    distance = distance + 2 * precision[..., 0, 1, :, :] * dx[..., None, :] * dy[..., :, None]
    inside = ((columns >= 0) & (columns < width))[..., None, :] & ((rows >= 0) & (rows < height))[..., :, None]
    values = torch.where(inside & (distance < TRUNCATION**2), (-distance / 2).exp(), 0) * weights[..., None, None]
    cells = rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    maps = values.new_zeros(len(points), height * width)
    return maps.scatter_reduce(1, cells.flatten(1), values.flatten(1), 'amax').unflatten(1, size)


def local_maxima(maps: Tensor, radius: int) -> Tensor:
    """Tell (B, h, w) which cells of maps (B, h, w) have no greater one in the square of `radius` cells around them."""
    highest = maps
    for kernel in ((1, 2 * radius + 1), (2 * radius + 1, 1)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        highest = functional.max_pool2d(highest[:, None], kernel, 1, padding)[:, 0]
    return maps == highest


def find_points(maps: Tensor, count: int, radius: int, threshold: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Find the highest peaks of maps (B, h, w) and fit a Gaussian to each, see `ops.peaks.fit_peaks`.

    Args:
        maps: (B, h, w), floating point.
        count: N, how many points an image has at most.
        radius: cells around a peak that have no greater value; the fit looks at no others.
        threshold: values up to this are no peaks.

    Returns:
        Points (B, N, 2), (x, y) in cells, the highest first; scores (B, N), at most 1, 0 for an empty place;
        covariances (B, N, 2, 2) in cells^2. N is smaller than `count` where the maps have fewer cells.
    """
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    height, width = maps.shape[-2:]
    heights = torch.where(local_maxima(maps, radius) & (maps > threshold), maps, 0).flatten(1)
    heights, index = heights.topk(min(count, height * width), dim=1)
    corner = torch.stack((index % width, index // width), dim=-1)
    heights, order = _highest_first(torch.where(_repeats(corner, radius), 0, heights))
    corner = corner.gather(1, order[..., None].expand(-1, -1, 2))
    padded, side = functional.pad(maps, (radius,) * 4, value=0.0), 2 * radius + 1
    steps = torch.arange(side, device=maps.device)
    index = (corner[..., 1, None] + steps)[..., None] * (width + 2 * radius) + (corner[..., 0, None] + steps)[
        ..., None, :
    ]
    patches = padded.flatten(1).gather(1, index.flatten(1)).unflatten(1, (-1, side, side))
    points, _, covariances = fit_peaks(patches)
    return points + corner - radius, heights.clamp(max=1), covariances


def _highest_first(values: Tensor) -> tuple[Tensor, Tensor]:
    """Sort values (B, N), equal ones as they were, and give their places; ONNX has no sort, but its topk is stable."""
    return values.topk(values.shape[1], dim=1) if is_static() else values.sort(dim=1, descending=True, stable=True)


def _repeats(cells: Tensor, radius: int) -> Tensor:
    """Tell (B, N) which cells (B, N, 2) have an earlier one within the radius: neighbours of equal height."""
    near = torch.ones(cells.shape[1], cells.shape[1], dtype=torch.bool, device=cells.device).tril(-1)
    for axis in (0, 1):
        near = near & ((cells[:, :, None, axis] - cells[:, None, :, axis]).abs() <= radius)
    return near.any(dim=2)
