"""Closed-form algebra of batched 2x2 covariances; every function is differentiable and stays on its device."""

import torch
from torch import Tensor

from hybridkp.ops.static_graph import hypotenuse

AGREEMENT = 9.21
"""Squared Mahalanobis distance that 99 % of two-dimensional Gaussian samples stay below."""


def determinant(matrices: Tensor) -> Tensor:
    """Return the determinants (...) of 2x2 matrices (..., 2, 2)."""
    return matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0]


def inverse(matrices: Tensor) -> Tensor:
    """Return the inverses (..., 2, 2) of 2x2 matrices (..., 2, 2) by their adjugates."""
    a, b, c, d = (matrices[..., i, j] for i in (0, 1) for j in (0, 1))
    adjugate = torch.stack((d, -b, -c, a), dim=-1).unflatten(-1, (2, 2))
    return adjugate / determinant(matrices)[..., None, None]


def area(covariances: Tensor) -> Tensor:
    """Return sigma1 * sigma2 (...) of covariances (..., 2, 2): the one-sigma ellipse's area over pi, in px^2."""
    return determinant(covariances).clamp(min=0).sqrt()


def transform(covariances: Tensor, matrices: Tensor) -> Tensor:
    """Map covariances S (..., 2, 2) by linear maps A (..., 2, 2): A S A^T, in the unit of A's target, squared."""
    return matrices @ covariances @ matrices.transpose(-1, -2)


def mirror(covariances: Tensor) -> Tensor:
    """Mirror covariances (..., 2, 2) along x: the mixed term changes its sign, exactly."""
    return covariances * covariances.new_tensor([[1, -1], [-1, 1]])


def from_sigmas(sigma1: Tensor, sigma2: Tensor, angle: Tensor) -> Tensor:
    """Build covariances (..., 2, 2) from the ellipse's two standard deviations and the first one's direction.

    ``sigma1`` and ``sigma2`` (...) are in px, ``angle`` (...) in radians from the x axis towards the y axis.
    """
    cos, sin = angle.cos(), angle.sin()
    rotation = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    return transform(torch.diag_embed(torch.stack((sigma1, sigma2), dim=-1).square()), rotation)


def to_sigmas(covariances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (sigma1, sigma2, angle) of covariances (..., 2, 2), sigma1 >= sigma2, the inverse of `from_sigmas`.

    Closed form of the symmetric 2x2 eigenvalue problem; the angle lies in (-pi/2, pi/2] and is 0 for a circle. The
    smaller eigenvalue is the determinant over the greater one: of a thin ellipse their difference would be rounding.
    """
    xx, xy, yy = covariances[..., 0, 0], covariances[..., 0, 1], covariances[..., 1, 1]
    greater = (xx + yy) / 2 + hypotenuse((xx - yy) / 2, xy)
    smaller = determinant(covariances) / greater.clamp(min=torch.finfo(greater.dtype).tiny)
    angle = torch.atan2(2 * xy, xx - yy) / 2
    return greater.sqrt(), torch.minimum(smaller, greater).clamp(min=0).sqrt(), angle


def keep_definite(covariances: Tensor) -> Tensor:
    """Make covariances (..., 2, 2) definite that are so by less than rounding; all others stay as they are.

    The squared correlation is kept below 1 - 64 eps by a smaller mixed term; in float32 that concerns ellipses whose
    axes have a ratio of 700 or more. Scaling along x and y does not change a correlation, so that what is definite
    here remains so on the way back to the image.
    """
    xx, xy, yy = covariances[..., 0, 0], covariances[..., 0, 1], covariances[..., 1, 1]
    greatest = (1 - 64 * torch.finfo(xx.dtype).eps) ** 0.5 * (xx * yy).sqrt()
    xy = torch.minimum(torch.maximum(xy, -greatest), greatest)
    return torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))


def merge(points: Tensor, covariances: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Merge M estimates of the same points into one.

    The point is the weighted mean of the estimate with the greatest weight and of those that agree with it: whose
    squared Mahalanobis distance to it, under the sum of both covariances, is at most `AGREEMENT`. Halfway between
    two estimates that do not agree there is nothing. The covariance is the weighted second moment of all of them
    about that point, so that disagreement makes the result less certain; where all agree, this is the law of total
    covariance.

    Args:
        points: (M, ..., 2) in px.
        covariances: (M, ..., 2, 2) in px^2.
        weights: (M, ...), not negative; all zero counts as all equal.

    Returns:
        Points (..., 2) and covariances (..., 2, 2).
    """
    weights = weights + (weights.sum(dim=0) <= 0).to(weights.dtype)
    weights = weights / weights.sum(dim=0)
    areas = area(covariances)
    best = (weights - 1e-6 * areas / areas.sum(dim=0)).argmax(dim=0)[None]  # of equal weights the narrower one
    shift = points - points.gather(0, best[..., None].expand_as(points[:1]))
    joint = covariances + covariances.gather(0, best[..., None, None].expand_as(covariances[:1]))
    distance = (shift[..., None, :] @ inverse(joint) @ shift[..., :, None])[..., 0, 0]
    agreeing = weights * (distance <= AGREEMENT)
    mean = (agreeing[..., None] * points).sum(dim=0) / agreeing.sum(dim=0)[..., None]
    spread = points - mean
    spread = spread[..., :, None] * spread[..., None, :]
    return mean, keep_definite((weights[..., None, None] * (covariances + spread)).sum(dim=0))
