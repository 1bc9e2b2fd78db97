"""Peak positions as published checkpoints were measured with, for batches of heatmaps.

Every function takes heatmaps (B, K, h, w) and the highest cells (B, K, 2), (x, y), that `highest` gives, and returns
positions (B, K, 2) in cells. A highest cell outside the map, as of a map without a positive value, stays as it is.
"""

import torch
from torch import Tensor

from hybridkp.ops.peaks import highest_cells

SMALL_KERNELS = {
    3: (1, 2, 1),
    5: (1, 4, 6, 4, 1),
    7: (2, 7, 14, 18, 14, 7, 2),
    9: (4, 13, 30, 51, 60, 51, 30, 13, 4),
}
"""OpenCV's Gaussian kernels of up to 9 cells, up to a factor; larger ones follow the formula in `gaussian_kernel`."""


def highest(heatmaps: Tensor, empty: int) -> tuple[Tensor, Tensor]:
    """Find each map's highest cell, the first one row by row among equals, and its value.

    Args:
        heatmaps: (B, K, h, w); cells that are not finite count as 0.
        empty: x and y of a map without a positive value.

    Returns:
        Cells (B, K, 2), (x, y), whole numbers, and values (B, K), both of the maps' dtype.
    """
    values, rows, columns = highest_cells(_finite(heatmaps).flatten(0, 1))
    cells = torch.stack((columns, rows), dim=-1).to(heatmaps.dtype)
    cells = torch.where((values > 0)[:, None], cells, empty)
    return cells.unflatten(0, heatmaps.shape[:2]), values.unflatten(0, heatmaps.shape[:2])


def quarter_offset(heatmaps: Tensor, cells: Tensor, both_axes: bool) -> Tensor:
    """Move cells by a quarter of a cell towards the higher neighbour, along x and along y.

    Xiao et al. 2018, "Simple baselines for human pose estimation and tracking". Along an axis of n cells a
    cell moves if it lies in 2 ... n - 2; with `both_axes`, as in HRNet's own code, it moves only if that holds along x
    and y, without, as in mmpose, also if it lies in 1 ... n - 1 along the other axis.
    """
    patches = _patches(_finite(heatmaps), cells, 1)
    difference = torch.stack((patches[..., 1, 2] - patches[..., 1, 0], patches[..., 2, 1] - patches[..., 0, 1]), dim=-1)
    last = _last(heatmaps)
    inner = (cells > 1) & (cells < last)
    if both_axes:
        moves = inner.all(dim=-1, keepdim=True)
    else:
        moves = inner & (cells > 0).flip(-1)
    return cells + torch.where(moves, 0.25 * difference.sign(), 0)


def dark(heatmaps: Tensor, cells: Tensor, kernel: int) -> Tensor:
    """Move cells by one Newton step on the logarithm of the blurred map, with differences over two cells.

    Zhang et al. 2020, "Distribution-aware coordinate representation for human pose estimation", section 3.2. Cells that
    lie fewer than two cells from the left or the top or three from the right or the bottom stay, and so do those where
    the Hessian is singular. The step has no limit.

    Args:
        heatmaps: (B, K, h, w).
        cells: (B, K, 2).
        kernel: side of the Gaussian kernel that blurs, in cells, odd.
    """
    logarithm = blur(_finite(heatmaps), kernel).clamp(min=1e-10).log()
    p = _patches(logarithm, cells, 2).double()
    gradient = (p[..., 2, 3] - p[..., 2, 1]) / 2, (p[..., 3, 2] - p[..., 1, 2]) / 2
    xx = (p[..., 2, 4] - 2 * p[..., 2, 2] + p[..., 2, 0]) / 4
    yy = (p[..., 4, 2] - 2 * p[..., 2, 2] + p[..., 0, 2]) / 4
    xy = (p[..., 3, 3] - p[..., 1, 3] - p[..., 3, 1] + p[..., 1, 1]) / 4
    inner = ((cells > 1) & (cells < _last(heatmaps) - 1)).all(dim=-1)
    return cells + _newton_step(gradient, (xx, xy, yy), inner).to(cells.dtype)


def dark_udp(heatmaps: Tensor, cells: Tensor, kernel: int) -> Tensor:
    """Move cells by one Newton step on the logarithm of the blurred map, with differences over one cell.

    Huang et al. 2020, "The devil is in the details: delving into unbiased data processing for human pose estimation",
    with the regularisation of mmpose's `UDPHeatmap`. The map goes on beyond its border as it ends there.

    Args:
        heatmaps: (B, K, h, w).
        cells: (B, K, 2).
        kernel: side of the Gaussian kernel that blurs, in cells, odd.
    """
    logarithm = blur(_finite(heatmaps), kernel).clamp(1e-3, 50.0).log()
    p = _patches(logarithm, cells, 1).double()
    gradient = (p[..., 1, 2] - p[..., 1, 0]) / 2, (p[..., 2, 1] - p[..., 0, 1]) / 2
    ridge = torch.finfo(torch.float32).eps
    xx = p[..., 1, 2] - 2 * p[..., 1, 1] + p[..., 1, 0] + ridge
    yy = p[..., 2, 1] - 2 * p[..., 1, 1] + p[..., 0, 1] + ridge
    corners = p[..., 2, 2] + p[..., 0, 0] + 2 * p[..., 1, 1]
    xy = (corners - p[..., 1, 2] - p[..., 2, 1] - p[..., 1, 0] - p[..., 0, 1]) / 2
    inside = (cells >= 0).all(dim=-1)
    return cells + _newton_step(gradient, (xx, xy, yy), inside).to(cells.dtype)


def blur(heatmaps: Tensor, kernel: int) -> Tensor:
    """Blur maps (B, K, h, w) by a Gaussian kernel of so many cells, zeros outside, and give them back their maxima.

    Computed in float64, as a product with band matrices: a convolution on a GPU may round to 10 bits.
    """
    weights = gaussian_kernel(kernel).to(heatmaps.device)
    rows, columns = (_band(weights, side) for side in heatmaps.shape[-2:])
    blurred = rows @ heatmaps.double() @ columns
    scale = heatmaps.amax(dim=(-2, -1), keepdim=True) / blurred.amax(dim=(-2, -1), keepdim=True)
    return (blurred * scale).to(heatmaps.dtype)


def gaussian_kernel(size: int) -> Tensor:
    """Return OpenCV's Gaussian kernel (size,) of an odd number of cells, in float64.

    From 11 cells on it is a Gaussian with sigma = 0.3 ((size - 1) / 2 - 1) + 0.8, up to 9 cells see `SMALL_KERNELS`.

    Raises:
        ValueError: if the size is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f'a kernel has an odd number of cells, not {size}')
    if size in SMALL_KERNELS:
        values = torch.tensor(SMALL_KERNELS[size], dtype=torch.float64)
    else:
        sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
        distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
        values = torch.exp(-distance.square() / (2 * sigma**2))
    return values / values.sum()


def kernel_size(sigma: float) -> int:
    """Return the side of the kernel that DARK blurs targets of a standard deviation with, both in cells.

    The rule of `gaussian_kernel`, turned round and rounded down: 7 cells for 1.5, 11 for 2, 17 for 3.
    """
    return 2 * max(0, int((sigma - 0.8) / 0.3 + 1 + 1e-3)) + 1


def average_views(heatmaps: Tensor, mirrored: Tensor, flip_indices: list[int], shift: int) -> Tensor:
    """Average the heatmaps (B, K, h, w) of images and of the mirrored images.

    The latter are mirrored back, left and right keypoints change places, and their columns move right by `shift`, where
    as many columns at the left stay: 1 makes up for a cell that is not centred on its pixels.
    """
    back = mirrored.flip(-1)[:, flip_indices]
    if shift:
        back = torch.cat((back[..., :shift], back[..., :-shift]), dim=-1)
    return (heatmaps + back) * 0.5


def _finite(heatmaps: Tensor) -> Tensor:
    return torch.where(heatmaps.isfinite(), heatmaps, 0)


def _last(heatmaps: Tensor) -> Tensor:
    """Return the last cell's x and y (2,)."""
    height, width = heatmaps.shape[-2:]
    return torch.tensor([width - 1, height - 1], device=heatmaps.device)


def _patches(maps: Tensor, cells: Tensor, radius: int) -> Tensor:
    """Cut (B, K, 2r + 1, 2r + 1) around cells (B, K, 2) out of maps (B, K, h, w), which go on as they end."""
    height, width = maps.shape[-2:]
    offsets = torch.arange(-radius, radius + 1, device=maps.device)
    columns, rows = (cells.long()[..., i, None] + offsets for i in (0, 1))
    index = rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    return maps.flatten(-2).gather(-1, index.flatten(-2)).unflatten(-1, (len(offsets), -1))


def _band(weights: Tensor, side: int) -> Tensor:
    """Return the symmetric matrix (side, side) that filters with weights (n,), zeros outside."""
    cells = torch.arange(side, device=weights.device)
    tap = cells[:, None] - cells + len(weights) // 2
    return torch.where((tap >= 0) & (tap < len(weights)), weights[tap.clamp(0, len(weights) - 1)], 0)


def _newton_step(gradient: tuple[Tensor, Tensor], hessian: tuple[Tensor, Tensor, Tensor], where: Tensor) -> Tensor:
    """Return -H^-1 g (..., 2) of a gradient (x, y) and a Hessian (xx, xy, yy), 0 elsewhere and where H is singular."""
    (x, y), (xx, xy, yy) = gradient, hessian
    determinant = xx * yy - xy * xy
    step = torch.stack((xy * y - yy * x, xy * x - xx * y), dim=-1) / determinant[..., None]
    return torch.where((where & (determinant != 0))[..., None] & step.isfinite(), step, 0)
