"""Homographies between views of one plane: points, covariances, images, and random ones.

A homography (3, 3) maps (x, y, 1) in px of a first view to the second one's, up to a factor; pixel i is centred at i.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from hybridkp.ops.covariance import transform


def transform_points(points: Tensor, homographies: Tensor) -> Tensor:
    """Map points (..., N, 2) in px by homographies (..., 3, 3); what comes from the horizon is not finite."""
    mapped = points @ homographies[..., :2].transpose(-1, -2) + homographies[..., None, :, 2]
    return mapped[..., :2] / mapped[..., 2:]


def point_jacobians(points: Tensor, homographies: Tensor) -> Tensor:
    """Return d(mapped point) / d(point) (..., N, 2, 2) of homographies (..., 3, 3) at points (..., N, 2)."""
    depth = points @ homographies[..., 2, :2, None] + homographies[..., None, 2, 2:]
    mapped = transform_points(points, homographies)
    rows = homographies[..., None, :2, :2] - mapped[..., None] * homographies[..., None, 2:, :2]
    return rows / depth[..., None]


def transform_covariances(covariances: Tensor, points: Tensor, homographies: Tensor) -> Tensor:
    """Map covariances (..., N, 2, 2) in px^2 of points (..., N, 2) by homographies (..., 3, 3), to first order."""
    return transform(covariances, point_jacobians(points, homographies))


def inside(points: Tensor, size: tuple[int, int], margin: float = 0.0) -> Tensor:
    """Tell (...) which points (..., 2) lie in an image of (H, W) px, at least `margin` px from its pixels' outer edge.

    Points that are not finite lie outside.
    """
    x, y = points.unbind(dim=-1)
    least = margin - 0.5
    return (x >= least) & (x <= size[1] - 1 - least) & (y >= least) & (y <= size[0] - 1 - least)


def warp_images(images: Tensor, homographies: Tensor) -> Tensor:
    """Draw images (B, C, H, W) as homographies (B, 3, 3) map them, in their own size.

    Bilinear; what lies outside the image is its mirror image, so that no edge appears that is not there.
    """
    height, width = images.shape[-2:]
    x, y = source_points(homographies, (height, width)).to(images.dtype).unbind(dim=-1)
    grid = torch.stack((2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=-1)
    grid = grid.nan_to_num(0, 1e4, -1e4).clamp(-1e4, 1e4)
    return functional.grid_sample(images, grid, mode='bilinear', padding_mode='reflection', align_corners=True)


def source_points(homographies: Tensor, size: tuple[int, int]) -> Tensor:
    """Return where the pixels of mapped images come from: (B, H, W, 2), (x, y) in px, for homographies (B, 3, 3)."""
    rows, columns = (torch.arange(side, dtype=homographies.dtype, device=homographies.device) for side in size)
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing='xy'), dim=-1).flatten(0, 1)
    inverse = torch.linalg.inv_ex(homographies)[0]
    return transform_points(pixels.expand(len(homographies), -1, -1), inverse).unflatten(1, size)


def random_homographies(
    count: int,
    size: tuple[int, int],
    corners: float = 0.15,
    rotation: float = 20.0,
    zoom: float = 1.25,
    generator: torch.Generator | None = None,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Draw homographies (count, 3, 3), float32, of images of (H, W) px: how a plane looks from elsewhere.

    The corners of the image are moved, each by itself, and then turned and scaled about its centre.

    Args:
        count: how many.
        size: (H, W).
        corners: how far a corner moves at most along x and y, as a share of the shorter side.
        rotation: greatest angle in degrees.
        zoom: greatest factor of enlargement; as likely the image shrinks by it.
        generator: of the random numbers, on `device`; None for torch's own.
        device: where the homographies are.

    Raises:
        ValueError: if corners could meet, or the factor is below 1.
    """
    if not 0 <= corners < 0.5 or rotation < 0 or zoom < 1:
        raise ValueError(
            f'expected corners in [0, 0.5), a rotation of at least 0 and a zoom of at least 1, '
            f'got {corners}, {rotation} and {zoom}'
        )
    height, width = size
    drawn = 2 * torch.rand(count, 10, generator=generator, device=device, dtype=torch.float64) - 1
    order = torch.arange(4, device=device)  # clockwise from the upper left; a list would have to be sent there
    x = ((order + 1) // 2 % 2 - 0.5) * max(width - 1, 1)
    y = (order // 2 - 0.5) * max(height - 1, 1)
    before = torch.stack((x, y), dim=-1).to(drawn.dtype)
    centre = before[2]
    after = before + corners * min(size) * drawn[:, :8].unflatten(1, (4, 2))
    angle, factor = math.radians(rotation) * drawn[:, 8], zoom ** drawn[:, 9]
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), dim=1).unflatten(1, (2, 2))
    after = after @ (factor[:, None, None] * turn).transpose(1, 2)
    return from_corners((before + centre).expand_as(after), after + centre).float()


def from_corners(before: Tensor, after: Tensor) -> Tensor:
    """Return the homographies (B, 3, 3) that map four points (B, 4, 2) each to four others, h33 = 1.

    The direct linear transform; see Hartley and Zisserman 2004, "Multiple view geometry in computer vision",
    section 4.1.
    """
    x, y = before.unbind(dim=-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    rows_u = torch.stack((x, y, one, zero, zero, zero, -x * after[..., 0], -y * after[..., 0]), dim=-1)
    rows_v = torch.stack((zero, zero, zero, x, y, one, -x * after[..., 1], -y * after[..., 1]), dim=-1)
    matrix = torch.cat((rows_u, rows_v), dim=1)
    solution = torch.linalg.solve_ex(matrix, torch.cat((after[..., 0], after[..., 1]), dim=1))[0]
    return torch.cat((solution, one[:, :1]), dim=1).unflatten(1, (3, 3))
