"""Rendering of anisotropic Gaussians into heatmaps."""

import math
import mmap

import torch
from torch import Tensor

from hybridkp.ops import covariance

TRUNCATION = 4.0
"""Mahalanobis distance beyond which a rendered Gaussian is zero."""


def render_gaussians(points: Tensor, covariances: Tensor, size: tuple[int, int]) -> Tensor:
    """Render one Gaussian of peak 1 a map: exp(-m / 2), m the squared Mahalanobis distance, 0 where m >= 16.

    Differentiable with respect to points and covariances, and equivariant under mirroring. On a CPU each Gaussian is
    computed in its own window; elsewhere (and under ``torch.compile``) all cells are, which needs no host
    synchronisation.

    Args:
        points: (B, K, 2), (x, y) in cells.
        covariances: (B, K, 2, 2) in cells^2, positive definite; where it or the point is not finite, the map is empty.
        size: (h, w) of the maps.

    Returns:
        Heatmaps (B, K, h, w) in the points' dtype.
    """
    finite = points.isfinite().all(dim=-1) & covariances.isfinite().flatten(-2).all(dim=-1)
    points = torch.where(finite[..., None], points, -1e6)
    covariances = torch.where(
        finite[..., None, None], covariances, torch.eye(2, dtype=points.dtype, device=points.device)
    )
    precision = covariance.inverse(covariances)
    if points.device.type != 'cpu' or torch.compiler.is_compiling():
        columns = torch.arange(size[1], device=points.device, dtype=points.dtype)
        rows = torch.arange(size[0], device=points.device, dtype=points.dtype)
        return _evaluate(rows - points[..., 1:], columns - points[..., :1], precision)
    return _render_windows(points.flatten(0, 1), covariances, precision.flatten(0, 1), size).unflatten(
        0, points.shape[:2]
    )


def gaussian_energy(covariances: Tensor) -> Tensor:
    """Return the sum of squares (...) of a Gaussian of peak 1 over all cells: pi * sigma1 * sigma2, in cells^2."""
    return math.pi * covariance.area(covariances)


def _evaluate(dy: Tensor, dx: Tensor, precision: Tensor) -> Tensor:
    """Evaluate the truncated Gaussian on the grid of offsets dy (..., h) and dx (..., w): (..., h, w)."""
    dy, dx = dy[..., :, None], dx[..., None, :]
    xx, xy, yy = (precision[..., i, j, None, None] for i, j in ((0, 0), (0, 1), (1, 1)))
    distance = (2 * xy * dx) * dy + (xx * dx.square() + yy * dy.square())
    return torch.where(distance < TRUNCATION**2, torch.exp(-0.5 * distance), 0)


def _render_windows(points: Tensor, covariances: Tensor, precision: Tensor, size: tuple[int, int]) -> Tensor:
    """Render (N, h, w) by evaluating the largest Gaussian's window around each point.

    A window that would cross the border is moved inside, so that it still covers every cell of its Gaussian that the
    map has, and windows never write a cell twice.
    """
    height, width = size
    if not len(points):
        return points.new_zeros(0, height, width)
    reach = TRUNCATION * covariances.detach().diagonal(dim1=-2, dim2=-1).flatten(0, 1).amax(dim=0).sqrt()
    extent = [min(2 * math.ceil(r) + 1, n) for r, n in zip(reach.tolist(), (width, height), strict=True)]
    offset = torch.tensor([(extent[0] - 1) / 2, (extent[1] - 1) / 2], dtype=points.dtype)
    limit = torch.tensor([width - extent[0], height - extent[1]], dtype=points.dtype)
    start = (points.detach() - offset).round().clamp(min=torch.zeros(2, dtype=points.dtype), max=limit)
    start_x, start_y = start.unbind(dim=-1)
    columns = start_x[:, None] + torch.arange(extent[0])
    rows = start_y[:, None] + torch.arange(extent[1])
    values = _evaluate(rows - points[:, 1:], columns - points[:, :1], precision)
    index = rows.long()[:, :, None] * width + columns.long()[:, None, :]
    maps = _zeros(len(points), height * width, points.dtype)
    return maps.scatter_(1, index.flatten(1), values.flatten(1)).unflatten(1, size)


def _zeros(count: int, cells: int, dtype: torch.dtype) -> Tensor:
    """Return zeros (count, cells) on the CPU.

    What is above 32 MiB the C library asks of the kernel each time anew, page by page; huge pages come faster.
    """
    size = count * cells * dtype.itemsize
    if size < 2**25 or not hasattr(mmap, 'MADV_HUGEPAGE'):
        return torch.zeros(count, cells, dtype=dtype)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(count, cells)
