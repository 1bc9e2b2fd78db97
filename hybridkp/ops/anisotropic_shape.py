"""The ellipse of a blob from what a bank of directional filters answers at its centre.

A Gaussian blob of covariance S answers a filter of covariance T, at the blob's centre and with M = (S + T)^-1, by
-u^T M u sqrt(det S det M), u being the derivative's direction: it is a convolution of Gaussians, differentiated twice.
How much the answers vary with the direction gives the ratio of S's axes, the scale that answers most gives their size.
"""

import math

import torch
from torch import Tensor

from hybridkp.ops.anisotropic_filters import directions
from hybridkp.ops.covariance import from_sigmas

LONGEST = 8.0
"""Greatest ratio of a blob's axes that is told; longer ones are given this one."""

_RATIOS, _SIZES = 49, 193
"""Nodes of the table: ratios of axes, and sizes beside the filter's among which the one that answers most is found."""


def second_harmonic(responses: Tensor) -> tuple[Tensor, Tensor]:
    """Return how responses (..., K) to K directions vary: elongation (...) and the long axis' angle (...).

    The elongation is the amplitude of the second harmonic over the mean, 0 for a circle, below 1 for whatever answers
    all directions with one sign; not finite where the mean is 0. The angle, in (-pi/2, pi/2], is that of the direction
    with the weakest response: along a blob's long axis.
    """
    angles = 2 * directions(responses.shape[-1], responses)
    mean = responses.mean(dim=-1)
    cos = 2 * (responses * angles.cos()).mean(dim=-1) / mean
    sin = 2 * (responses * angles.sin()).mean(dim=-1) / mean
    return torch.hypot(cos, sin), torch.atan2(-sin, -cos) / 2


def blob_covariances(responses: Tensor, sigmas: Tensor, anisotropy: float) -> tuple[Tensor, Tensor]:
    """Return the covariances (..., 2, 2) in px^2 of blobs and the angles (...) of their long axes.

    Args:
        responses: (..., K), at the blobs' centres and about the scales that answer most.
        sigmas: (...), those scales in px.
        anisotropy: of the filters.
    """
    elongation, angles = second_harmonic(responses)
    nodes, sizes = _table(responses.shape[-1], anisotropy, responses)
    elongation, angles = (values.nan_to_num(0, 0, 0) for values in (elongation, angles))
    elongation = elongation.clamp(nodes[0], nodes[-1])
    right = torch.searchsorted(nodes, elongation).clamp(1, len(nodes) - 1)
    share = ((elongation - nodes[right - 1]) / (nodes[right] - nodes[right - 1]))[..., None]
    axes = sigmas[..., None] * torch.lerp(sizes[right - 1], sizes[right], share)
    return from_sigmas(axes[..., 0], axes[..., 1], angles), angles


def gaussian_response(axes: Tensor, angles: Tensor, along: Tensor, across: Tensor) -> Tensor:
    """Return the magnitude of a^2 R at the centre of Gaussian blobs of height 1.

    Args:
        axes: (..., 2), the blob's standard deviations, the first along its angle 0.
        angles: (...), of the derivative, seen from the blob's first axis.
        along: (...), the filter's standard deviation a along the derivative.
        across: (...), the one across it.
    """
    cos2, sin2 = angles.cos().square(), angles.sin().square()
    first, second = axes.square().unbind(dim=-1)
    along_blob = first * cos2 + second * sin2 + along.square()
    across_blob = first * sin2 + second * cos2 + across.square()
    determinant = along_blob * across_blob - (second - first).square() * cos2 * sin2
    return along.square() * axes.prod(dim=-1) * across_blob / determinant**1.5


def _table(orientations: int, anisotropy: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Tabulate Gaussian blobs: elongations (N,), ascending, and axes (N, 2) over the scale that answers most."""
    exact = torch.zeros((), dtype=torch.float64, device=like.device)
    ratios = torch.logspace(0, math.log10(LONGEST), _RATIOS, dtype=exact.dtype, device=exact.device)
    sizes = torch.logspace(-1, 0.7, _SIZES, dtype=exact.dtype, device=exact.device)
    ratio, size = ratios[:, None, None], sizes[:, None]
    axes = torch.stack(torch.broadcast_tensors(ratio.sqrt() * size, size / ratio.sqrt()), dim=-1)
    widths = exact + 1 / anisotropy, exact + anisotropy
    responses = gaussian_response(axes, directions(orientations, exact), *widths)
    # a blob of size s answers the scale 1 as one of size 1 answers the scale 1 / s
    mean = responses.mean(dim=-1)
    best = mean.argmax(dim=1).clamp(1, _SIZES - 2)
    left, middle, right = (mean.gather(1, (best + i)[:, None])[:, 0] for i in (-1, 0, 1))
    shift = (left - right) / (2 * (left - 2 * middle + right))
    step = (sizes[1] / sizes[0]).log()
    size = (sizes[best].log() + shift * step).exp()[:, None]
    axes = torch.cat((ratios.sqrt()[:, None] * size, size / ratios.sqrt()[:, None]), dim=1)
    responses = gaussian_response(axes[:, None], directions(orientations, exact), *widths)
    return second_harmonic(responses)[0].to(like.dtype), axes.to(like.dtype)
