"""Limits of how narrow and how long a covariance may be."""

import torch
from torch import Tensor


def limit_sigmas(covariances: Tensor, narrowest: float, max_ratio: float = 100.0) -> Tensor:
    """Widen covariances (..., 2, 2) in px^2 until no axis is too narrow; what is wide enough stays as it is.

    The axes keep their directions. Closed form: a symmetric 2x2 matrix is its mean eigenvalue times the identity plus
    a traceless rest, which is stretched to the limited eigenvalues. The result is exactly symmetric, and where
    `narrowest` is above 0 or the matrix not 0, positive definite in float32 too.

    Args:
        covariances: symmetric, not negative.
        narrowest: the smallest standard deviation along any axis, in px.
        max_ratio: the largest ratio of the standard deviations along the long and the short axis.
    """
    xx, xy, yy = covariances[..., 0, 0], covariances[..., 0, 1], covariances[..., 1, 1]
    mean, rest = (xx + yy) / 2, (xx - yy) / 2
    radius = torch.hypot(rest, xy)
    large = (mean + radius).clamp(min=narrowest**2)
    small = torch.maximum((mean - radius).clamp(min=narrowest**2), large / max_ratio**2)
    centre = (large + small) / 2
    stretch = (large - small) / 2 / radius.clamp(min=torch.finfo(radius.dtype).tiny)
    rest, xy = stretch * rest, stretch * xy
    return torch.stack((centre + rest, xy, xy, centre - rest), dim=-1).unflatten(-1, (2, 2))
