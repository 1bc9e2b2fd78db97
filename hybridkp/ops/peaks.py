"""Peaks of heatmaps with sub-cell position and covariance."""

import torch
from torch import Tensor

from hybridkp.ops import covariance
from hybridkp.ops.full_precision import full_precision
from hybridkp.ops.static_graph import is_static, solve_definite

RADIUS = 4
"""Half side of the square patch around the highest cell that is fitted, in cells."""

NOISE = 0.2
"""Share of the peak that is taken for noise outside the 3x3 cells around it."""

REACH = 2
"""How far a fitted point may lie from the highest cell, in cells."""

_FWHM_MOMENT = 4.6
"""Covariance of a Gaussian over that of its part above half maximum: (1 - ln 2) / (1 - ln 2 - ln^2(2) / 2)."""


def fit_peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find each map's highest peak and fit a Gaussian to it.

    The logarithm of the 9x9 patch around the highest cell is fitted by a quadratic with the squared values as weights
    (Guo 2011, "A simple algorithm for fitting a Gaussian function"), which is exact on a Gaussian; its maximum
    is the point, the inverse of its negative Hessian the covariance. Beyond the peak's 3x3 cells, a value's weight is
    that of its part above a fifth of the peak, so that noise around a narrow Gaussian does not widen it. At a border
    both are moved inside the map.

    Where that fit is no peak inside its patch (flat, saturated or broken maps), the moments of the part of the map
    above half of its maximum are taken instead, and the score is the peak's height above the map's mean. A map without
    a positive value is treated as uniform: its centre, the covariance of a uniform map, score 0. A map
    with cells that are not finite goes this way too; they count as 0. The result is always finite and the covariance
    positive definite.

    Args:
        heatmaps: (B, K, h, w), floating point.

    Returns:
        Points (B, K, 2), (x, y) in cells; scores (B, K) in [0, 1], the peak's value; covariances (B, K, 2, 2) in
        cells^2.
    """
    shape = (-1, heatmaps.shape[1]) if is_static() else heatmaps.shape[:2]
    dtype = torch.promote_types(heatmaps.dtype, torch.float32)
    maps = heatmaps.flatten(0, 1).to(dtype)
    with full_precision(heatmaps.device):
        scores, shifts, points, covariances, saturated = _fit_log_quadratic(maps)
        accepted = _is_peak(scores, shifts, covariances, maps.shape[-2:]) & ~saturated
        points, covariances, scores = _replaced((points, covariances, scores.clamp(0, 1)), maps, ~accepted)
    return points.unflatten(0, shape), scores.unflatten(0, shape), covariances.unflatten(0, shape)


def _replaced(fitted: tuple[Tensor, Tensor, Tensor], maps: Tensor, refused: Tensor) -> tuple[Tensor, ...]:
    """Replace points (N, 2), covariances (N, 2, 2) and scores (N,) of maps (N, h, w) where a fit is refused (N,)."""
    if is_static():
        return tuple(
            torch.where(refused.unflatten(0, (-1, *[1] * (values.dim() - 1))), new, values)
            for values, new in zip(fitted, _half_maximum_moments(maps), strict=True)
        )
    refused = refused.nonzero().squeeze(1)
    if not len(refused):
        return fitted
    replacement = _half_maximum_moments(maps[refused])
    return tuple(values.index_copy(0, refused, new) for values, new in zip(fitted, replacement, strict=True))


def highest_cells(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the highest values (N,) of maps (N, h, w) and their rows and columns (N,)."""
    # row by row, which is several times as fast as an argmax over all cells
    peaks, rows = maps.amax(dim=2).max(dim=1)
    if is_static():
        highest = maps.gather(1, rows[:, None, None].expand(-1, 1, maps.shape[2])).squeeze(1)
    else:
        highest = maps[torch.arange(len(maps), device=maps.device), rows]  # three times as fast
    columns = highest.argmax(dim=1)
    return peaks, rows, columns


def _fit_log_quadratic(maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Fit maps (N, h, w).

    Returns the highest values (N,), how far the fitted points lie from their cells (N, 2), the fitted points (N, 2)
    and covariances (N, 2, 2), and where (N,) more than 4 cells of the patch share the highest value.
    """
    height, width = maps.shape[-2:]
    peaks, row, column = highest_cells(maps)
    side_y, side_x = min(2 * RADIUS + 1, height), min(2 * RADIUS + 1, width)
    top, left = (row - RADIUS).clamp(0, height - side_y), (column - RADIUS).clamp(0, width - side_x)
    rows, columns = torch.arange(side_y, device=maps.device), torch.arange(side_x, device=maps.device)
    cells = (top[:, None, None] + rows[:, None]) * width + left[:, None, None] + columns
    patch = maps.flatten(1).gather(1, cells.flatten(1)).double() / peaks[:, None]
    core_y = (rows + (top - row.clamp(1, max(1, height - 2)))[:, None]).abs() <= 1
    core_x = (columns + (left - column.clamp(1, max(1, width - 2)))[:, None]).abs() <= 1
    core = core_y[:, :, None] & core_x[:, None, :]

    x = (columns.double() - (side_x - 1) / 2).expand(side_y, side_x).flatten()
    y = (rows.double() - (side_y - 1) / 2)[:, None].expand(side_y, side_x).flatten()
    basis = torch.stack((torch.ones_like(x), x, y, x * x, x * y, y * y), dim=1)
    weights = torch.where(core.flatten(1), patch, patch - NOISE).clamp(min=0).square()
    logarithm = patch.clamp(min=1e-12).log()
    normal = weights @ (basis[:, :, None] * basis[:, None, :]).flatten(1)
    right = (weights * logarithm) @ basis
    normal = normal.unflatten(1, (6, 6))
    solution = solve_definite(normal, right) if is_static() else torch.linalg.solve_ex(normal, right)[0]
    _, bx, by, xx, xy, yy = solution.to(maps.dtype).unbind(dim=1)

    hessian = torch.stack((-2 * xx, -xy, -xy, -2 * yy), dim=-1).unflatten(-1, (2, 2))
    covariances = covariance.inverse(hessian)
    offset = (covariances @ torch.stack((bx, by), dim=-1)[..., None]).squeeze(-1)
    points = torch.stack((left + (side_x - 1) / 2, top + (side_y - 1) / 2), dim=-1) + offset
    saturated = (patch == 1).sum(dim=1) > 4
    return peaks, points - torch.stack((column, row), dim=-1), points, covariances, saturated


def _is_peak(peaks: Tensor, shifts: Tensor, covariances: Tensor, size: torch.Size) -> Tensor:
    """Tell (N,) where a fit is a maximum near the highest cell, between a tenth of a cell and the map in width.

    Near is within `REACH`, or, along a narrow ridge, as far as the highest cell of a Gaussian can be: its squared
    Mahalanobis distance is at most that of half a cell's diagonal across the ridge.
    """
    sigma1, sigma2, _ = covariance.to_sigmas(covariances)
    positive = (covariance.determinant(covariances) > 0) & (covariances[..., 0, 0] > 0)
    sane = (sigma2 > 0.1) & (sigma1 < float(max(size)))
    distance = (shifts[:, None] @ covariance.inverse(covariances) @ shifts[..., None]).flatten()
    near = (shifts.abs() <= REACH).all(dim=-1) | (distance * sigma2.square() <= 0.5)
    return positive & sane & near & (peaks > 0) & peaks.isfinite()


def _half_maximum_moments(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return points (N, 2), covariances (N, 2, 2) and scores (N,) of maps (N, h, w) by moments."""
    maps = maps.nan_to_num(0, 0, 0).clamp(min=0)
    peaks = maps.amax(dim=(1, 2), keepdim=True)
    excess = torch.where(peaks > 0, (maps - peaks / 2).clamp(min=0), 1)
    mass = excess / excess.sum(dim=(1, 2), keepdim=True)
    axes = [torch.arange(n, device=maps.device, dtype=maps.dtype) for n in (maps.shape[2], maps.shape[1])]
    points = torch.stack([mass.sum(dim=1) @ axes[0], mass.sum(dim=2) @ axes[1]], dim=-1)
    dx, dy = axes[0] - points[:, :1], axes[1] - points[:, 1:]
    xx = (mass.sum(dim=1) * dx.square()).sum(dim=1)
    yy = (mass.sum(dim=2) * dy.square()).sum(dim=1)
    xy = torch.einsum('nyx,ny,nx->n', mass, dy, dx)
    moments = torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))
    cell = torch.eye(2, dtype=maps.dtype, device=maps.device) / 12
    scores = (peaks - maps.mean(dim=(1, 2), keepdim=True)).flatten().clamp(0, 1)
    return points, _FWHM_MOMENT * moments + cell, scores
