"""Which way an image changes around a point."""

import math

import torch
from torch import Tensor

REACH = 3.0
"""Standard deviations beyond which the window is cut off."""


def structure_tensor(images: Tensor, points: Tensor, window: float) -> Tensor:
    """Return the mean of g g^T around points, g being the gradient of the channels' mean.

    The structure tensor of Foerstner and Guelch 1987, "A fast operator for detection and precise location of distinct
    points, corners and centres of circular features", the matrix of Harris and Stephens 1988, "A combined corner and
    edge detector": its inverse is, up to the noise, the covariance with which a point can be located in that image.
    Gradients are Sobel's. The window is a Gaussian about the point itself, not about its nearest pixel, so that
    nothing is interpolated; pixels outside the image do not count. Only patches around the points are touched.

    Args:
        images: (B, C, H, W).
        points: (B, K, 2), (x, y) in px; where not finite, or outside the image, some point inside stands in.
        window: the Gaussian's standard deviation in px, above 0.

    Returns:
        (B, K, 2, 2), in squared grey values per px^2, float32 at least, symmetric and not negative.
    """
    grey = images.to(torch.promote_types(images.dtype, torch.float32)).mean(dim=1)
    radius = math.ceil(REACH * window)
    patches, dx, dy, inside = _patches(grey, points.to(grey.dtype), radius)
    gx, gy = _sobel(patches)
    weights = inside * torch.exp(-(dx.square()[..., None, :] + dy.square()[..., :, None]) / (2 * window**2))
    weights = weights / weights.sum(dim=(-2, -1), keepdim=True)
    xx, xy, yy = ((weights * product).sum(dim=(-2, -1)) for product in (gx * gx, gx * gy, gy * gy))
    return torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))


def _patches(grey: Tensor, points: Tensor, radius: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut patches of 2 * radius + 1 px and a margin of 1 px out of images (B, H, W); the border is repeated.

    Returns:
        Patches (B, K, p + 2, p + 2), the distances dx and dy (B, K, p) in px of their columns and rows from the
        points, without the margin, and whether a pixel lies inside the image (B, K, p, p).
    """
    height, width = grey.shape[-2:]
    steps = torch.arange(-radius - 1, radius + 2, device=points.device)
    (columns, dx, in_x), (rows, dy, in_y) = (
        _line(points[..., axis], steps, size) for axis, size in ((0, width), (1, height))
    )
    index = (rows[..., :, None] * width + columns[..., None, :]).flatten(1)
    patches = grey.flatten(1).gather(1, index).unflatten(1, (points.shape[1], len(steps), len(steps)))
    return patches, dx, dy, in_y[..., :, None] & in_x[..., None, :]


def _line(positions: Tensor, steps: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Give the pixels (B, K, p + 2) around positions (B, K) along one axis, and without the margin, distances, inside.

    A position that is not finite counts as 0.
    """
    positions = positions.nan_to_num(0, 0, 0).clamp(0, size - 1)
    pixels = positions.round().long()[..., None] + steps
    inner = pixels[..., 1:-1]
    distances = inner.to(positions.dtype) - positions[..., None]
    return pixels.clamp(0, size - 1), distances, (inner >= 0) & (inner < size)


def _sobel(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Return Sobel's gradients along x and y (..., p, p) in grey values per px, of patches (..., p + 2, p + 2)."""
    smooth_y = (patches[..., :-2, :] + 2 * patches[..., 1:-1, :] + patches[..., 2:, :]) / 4
    smooth_x = (patches[..., :-2] + 2 * patches[..., 1:-1] + patches[..., 2:]) / 4
    return (smooth_y[..., 2:] - smooth_y[..., :-2]) / 2, (smooth_x[..., 2:, :] - smooth_x[..., :-2, :]) / 2
