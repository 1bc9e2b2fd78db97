"""Blobs of images: extrema of the directional filters' mean over place and scale."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hybridkp.ops.anisotropic_filters import (
    blob_measure,
    directional_kernels,
    filter_widths,
    geometric_scales,
    mirrored,
)
from hybridkp.ops.anisotropic_shape import blob_covariances
from hybridkp.ops.full_precision import full_precision

_DENSITY = 12.0
"""Pixels over sigma^2 of an image for each place that one scale has among the candidates."""

_ROUNDS = 12
"""How deep a chain of overlaps may be for the suppression to be the greedy one, exactly."""


class AnisotropicBlobs(NamedTuple):
    """Blobs of B images, N places each, the strongest first; the last places may be empty.

    Attributes:
        points: (B, N, 2), (x, y) in px, of sub-pixel accuracy.
        strengths: (B, N), what the blob measure is there: below 0 for a bright blob, above for a dark one, 0 where
            the place is empty.
        sigmas: (B, N), the scale in px that answers most, interpolated.
        angles: (B, N), of the blob's long axis in radians from the x axis towards the y axis, in (-pi/2, pi/2].
        covariances: (B, N, 2, 2), of the Gaussian blob that would answer so, in px^2.
    """

    points: Tensor
    strengths: Tensor
    sigmas: Tensor
    angles: Tensor
    covariances: Tensor


def detect_blobs(
    images: Tensor,
    count: int,
    scales: tuple[float, float, int] = (2.0, 8.0, 3),
    orientations: int = 8,
    anisotropy: float = 1.25,
    threshold: float = 0.01,
    agreement: float = 0.1,
) -> AnisotropicBlobs:
    """Find the `count` strongest blobs of grey images (B, H, W) in [0, 1]; all on the device, no host waits.

    A blob is an extremum of `blob_measure` among its 26 neighbours in x, y and scale (Lindeberg 1998, "Feature
    detection with automatic scale selection"), refined by a quadratic in x, y and log sigma. What answers its
    directions too differently is an edge or a ridge and is left out. Of two blobs that are nearer than the stronger
    one's sigma and whose scales are less than a factor 2 apart, the weaker one goes.

    Args:
        images: (B, H, W).
        count: N, how many places each image has.
        scales: the smallest and the largest sigma in px, and how many there are in an octave. One more at each end
            is filtered as well, so that the smallest filter is narrower by a step than the first of them.
        orientations: K, of the filters.
        anisotropy: of the filters.
        threshold: the least strength, in grey values; a Gaussian blob of contrast c has about c / 5.
        agreement: the least ratio of the weakest to the strongest response over the directions.

    Raises:
        ValueError: if a filter is less than a pixel wide, or there are too few orientations.
    """
    smallest, largest, per_octave = scales
    step = 2 ** (1 / per_octave)
    sigmas = geometric_scales(smallest / step, largest * step * (1 + 1e-9), per_octave)
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    with full_precision(images.device):
        measure = blob_measure(images, sigmas, orientations, anisotropy)
        strengths = _extrema(measure, threshold)
        found = []
        for level, sigma in enumerate(sigmas[1:-1], 1):
            here = strengths[:, level - 1].flatten(1)
            places = min(count, max(8, math.ceil(here.shape[1] / (_DENSITY * sigma**2))))
            index = here.topk(_needed(here, places)).indices
            responses = _responses_at(images, index, sigma, orientations, anisotropy)
            found.append(_blobs_of_level(measure, level, index, sigmas, (responses, anisotropy, agreement)))
        blobs = AnisotropicBlobs(*(torch.cat(parts, dim=1) for parts in zip(*found, strict=True)))
        return _filled(_strongest(_without_overlaps(_strongest(blobs, 2 * count), threshold), count), count)


def _extrema(measure: Tensor, threshold: float) -> Tensor:
    """Return the magnitudes (B, S - 2, H, W) of the inner scales' extrema of (B, S, H, W), 0 everywhere else."""
    if min(measure.shape[-2:]) < 3:
        return torch.zeros_like(measure[:, 1:-1])
    inner = measure[:, 1:-1, 1:-1, 1:-1]
    highest, lowest = (_of_neighbours(measure, choose) for choose in (torch.maximum, torch.minimum))
    extreme = ((inner == highest) & (inner > threshold)) | ((inner == lowest) & (inner < -threshold))
    return functional.pad(torch.where(extreme, inner.abs(), 0), (1, 1, 1, 1))


def _of_neighbours(values: Tensor, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Choose among 27 neighbours, of all inner places (B, S - 2, H - 2, W - 2); on a CPU pooling is slower."""
    for axis in (3, 2, 1):
        left, middle, right = (values.narrow(axis, start, values.shape[axis] - 2) for start in (0, 1, 2))
        values = choose(choose(left, middle), right)
    return values


def _responses_at(images: Tensor, index: Tensor, sigma: float, orientations: int, anisotropy: float) -> Tensor:
    """Return the scale-normalised responses (B, N, K) of images (B, H, W) at the pixels `index` (B, N)."""
    kernels = directional_kernels(sigma, orientations, anisotropy, images)
    width, radius = images.shape[-1], kernels.shape[-1] // 2
    padded = mirrored(images - images.mean(dim=(1, 2), keepdim=True), radius)
    patches = padded.unfold(1, kernels.shape[-1], 1).unfold(2, kernels.shape[-1], 1)
    batch = torch.arange(len(images), device=images.device)[:, None]
    patches = patches[batch, index // width, index % width].flatten(2)
    return filter_widths(sigma, anisotropy)[0] ** 2 * (patches @ kernels.flatten(1).T)


def _blobs_of_level(
    measure: Tensor, level: int, index: Tensor, sigmas: list[float], bank: tuple[Tensor, float, float]
) -> AnisotropicBlobs:
    """Refine the pixels `index` (B, N) of one scale; what is no extremum there, or no blob, has strength 0."""
    responses, anisotropy, agreement = bank
    shift, strengths, extreme = _refine(measure, level, index)
    width = measure.shape[-1]
    points = torch.stack((index % width, index // width), dim=-1) + shift[..., :2]
    scale = sigmas[level] * (shift[..., 2] * math.log(sigmas[1] / sigmas[0])).exp()
    weakest, strongest = responses.abs().amin(dim=-1), responses.abs().amax(dim=-1)
    agreed = (responses.sign().sum(dim=-1).abs() == responses.shape[-1]) & (weakest >= agreement * strongest)
    covariances, angles = blob_covariances(responses, scale, anisotropy)
    return AnisotropicBlobs(points, torch.where(extreme & agreed, strengths, 0), scale, angles, covariances)


def _refine(measure: Tensor, level: int, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a quadratic to the 27 values around pixels `index` (B, N) of one scale of (B, S, H, W).

    Returns how far its extremum lies from the pixel in x, y and scale steps (B, N, 3), each at most 1, the value there
    (B, N), and whether the pixel is an extremum (B, N).
    """
    height, width = measure.shape[-2:]
    inside_y, inside_x = (index // width).clamp(1, height - 2), (index % width).clamp(1, width - 2)
    around = torch.arange(-1, 2, device=measure.device)
    pixels = (inside_y * width + inside_x)[..., None] + (around[:, None] * width + around).flatten()
    levels = measure[:, level - 1 : level + 2].flatten(2)
    values = levels.gather(2, pixels.flatten(1)[:, None].expand(-1, 3, -1))
    cube = values.view(len(measure), 3, *index.shape[1:], 3, 3).movedim(1, 2)  # (B, N, scale, y, x)
    centre = cube[..., 1, 1, 1]
    x, y, s = cube[..., 1, 1, :], cube[..., 1, :, 1], cube[..., :, 1, 1]
    gradient = torch.stack([(line[..., 2] - line[..., 0]) / 2 for line in (x, y, s)], dim=-1)
    second = [line[..., 2] - 2 * centre + line[..., 0] for line in (x, y, s)]
    planes = cube[..., 1, :, :], cube[..., :, 1, :], cube[..., :, :, 1]  # (y, x), (s, x), (s, y)
    xy, xs, ys = ((p[..., 2, 2] - p[..., 2, 0] - p[..., 0, 2] + p[..., 0, 0]) / 4 for p in planes)
    rows = (second[0], xy, xs), (xy, second[1], ys), (xs, ys, second[2])
    hessian = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    shift = -torch.linalg.solve_ex(hessian, gradient)[0]
    shift = torch.where(shift.isfinite(), shift, 0).clamp(-1, 1)
    extreme = (cube.flatten(2).amax(dim=-1) == centre) | (cube.flatten(2).amin(dim=-1) == centre)
    return shift, centre + (gradient * shift).sum(dim=-1) / 2, extreme


def _strongest(blobs: AnisotropicBlobs, count: int) -> AnisotropicBlobs:
    """Sort by strength and keep at most `count` places."""
    strengths = blobs.strengths
    order = strengths.abs().argsort(dim=1, descending=True, stable=True)[:, : _needed(strengths, count)]
    return AnisotropicBlobs(*(_gathered(field, order) for field in blobs))


def _needed(strengths: Tensor, count: int) -> int:
    """Return how many of at most `count` places the strengths (B, N) need.

    On a CPU that is the greatest number that is not 0 of an image; elsewhere counting would have the host wait.
    """
    count = min(count, strengths.shape[1])
    if strengths.device.type == 'cpu' and not torch.compiler.is_compiling():
        return min(count, max(strengths.count_nonzero(dim=1).tolist(), default=0))
    return count


def _filled(blobs: AnisotropicBlobs, count: int) -> AnisotropicBlobs:
    """Add empty places up to `count`."""
    lacking = max(count - blobs.strengths.shape[1], 0)
    return AnisotropicBlobs(
        *(torch.cat((field, field.new_zeros(len(field), lacking, *field.shape[2:])), dim=1) for field in blobs)
    )


def _gathered(field: Tensor, order: Tensor) -> Tensor:
    index = order.view(*order.shape, *[1] * (field.dim() - 2)).expand(*order.shape, *field.shape[2:])
    return field.gather(1, index)


def _without_overlaps(blobs: AnisotropicBlobs, threshold: float) -> AnisotropicBlobs:
    """Give strength 0 to blobs, sorted by strength, that a stronger one overlaps, and to those that are too weak."""
    strong = blobs.strengths.abs() > threshold
    distance = torch.cdist(blobs.points, blobs.points, compute_mode='donot_use_mm_for_euclid_dist')
    apart = (blobs.sigmas[:, :, None] / blobs.sigmas[:, None, :]).log().abs()
    near = (distance < blobs.sigmas[:, None, :]) & (apart < math.log(2))
    over = torch.ones_like(near[0]).tril(-1) & near & strong[:, None, :]
    kept = strong
    for _ in range(_ROUNDS):
        kept = strong & ~(over & kept[:, None, :]).any(dim=2)
    return blobs._replace(strengths=torch.where(kept, blobs.strengths, 0))
