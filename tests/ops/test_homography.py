"""Homographies on paper, against finite differences, and how images follow them."""

import math

import pytest
import torch

from hybridkp.ops.covariance import transform
from hybridkp.ops.homography import (
    from_corners,
    inside,
    point_jacobians,
    random_homographies,
    source_points,
    transform_covariances,
    transform_points,
    warp_images,
)


def drawn(generator, count=4, size=(60, 80)):
    return random_homographies(count, size, generator=generator).double()


def test_points_on_paper():
    homography = torch.tensor([[2.0, 0, 1], [0, 3, -1], [0.1, 0, 1]])
    found = transform_points(torch.tensor([[0.0, 0.0], [10.0, 1.0]]), homography)
    torch.testing.assert_close(found, torch.tensor([[1.0, -1.0], [10.5, 1.0]]))
    horizon = transform_points(torch.tensor([[-10.0, 0.0]]), homography)
    assert not horizon.isfinite().any()


def test_jacobians_are_the_differences(generator):
    homographies = drawn(generator)
    points = 50 * torch.rand(4, 5, 2, generator=generator, dtype=torch.float64)
    found, step = point_jacobians(points, homographies), 1e-4
    for axis in (0, 1):
        shift = step * torch.eye(2, dtype=torch.float64)[axis]
        ahead, behind = (transform_points(points + sign * shift, homographies) for sign in (1, -1))
        torch.testing.assert_close(found[..., axis], (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-7)
    covariances = torch.eye(2, dtype=torch.float64).expand(4, 5, 2, 2) * 3
    torch.testing.assert_close(transform_covariances(covariances, points, homographies), transform(covariances, found))


def test_there_and_back(generator):
    homographies = drawn(generator)
    points = 50 * torch.rand(4, 5, 2, generator=generator, dtype=torch.float64)
    there = transform_points(points, homographies)
    torch.testing.assert_close(transform_points(there, torch.linalg.inv(homographies)), points)


def test_corners_go_where_they_are_sent(generator):
    before = torch.tensor([[[0.0, 0], [10, 0], [10, 20], [0, 20]]], dtype=torch.float64)
    after = before + torch.rand(1, 4, 2, generator=generator, dtype=torch.float64)
    homography = from_corners(before, after)
    torch.testing.assert_close(transform_points(before, homography), after)
    assert homography[0, 2, 2] == 1


def test_random_ones_keep_their_limits(generator):
    height, width = 60, 80
    corners = torch.tensor([[0.0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    moved = random_homographies(500, (height, width), 0.1, 0, 1, generator)
    shift = (transform_points(corners.expand(500, 4, 2), moved) - corners).abs()
    assert shift.max() <= 6 + 1e-3 and shift.max() > 5.5 and shift.mean() == pytest.approx(3, abs=0.3)
    turned = random_homographies(500, (height, width), 0, 30, 1, generator)
    angles = torch.atan2(turned[:, 1, 0], turned[:, 0, 0]).rad2deg()
    assert 28 < angles.abs().max() <= 30.01 and angles.mean().abs() < 2
    scaled = random_homographies(500, (height, width), 0, 0, 2, generator)
    factors = scaled[:, 0, 0]
    assert 0.5 <= factors.min() < 0.52 and 1.94 < factors.max() <= 2.001
    centre = torch.tensor([[39.5, 29.5]]).expand(500, 1, 2)
    torch.testing.assert_close(transform_points(centre, scaled), centre, rtol=0, atol=1e-3)


def test_the_same_seed_is_the_same_view():
    first, second = (random_homographies(3, (9, 9), generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second) and not torch.equal(first[0], first[1])


@pytest.mark.parametrize('settings', [dict(corners=0.5), dict(rotation=-1), dict(zoom=0.9)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=r'corners in \[0, 0.5\)'):
        random_homographies(1, (9, 9), **settings)


def test_an_image_follows_by_whole_pixels():
    image = torch.arange(20.0).view(1, 1, 4, 5)
    shift = torch.tensor([[[1.0, 0, 2], [0, 1, -1], [0, 0, 1]]])
    moved = warp_images(image, shift)
    torch.testing.assert_close(moved[0, 0, :3, 2:], image[0, 0, 1:, :3])
    torch.testing.assert_close(moved[0, 0, 0], torch.tensor([7.0, 6, 5, 6, 7]))  # mirrored, no edge
    torch.testing.assert_close(warp_images(image, torch.eye(3)[None]), image)


def test_a_smooth_image_follows_in_between(generator):
    rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing='ij')

    def scene(x, y):
        return torch.sin(x / 9) + torch.cos(y / 7)

    homographies = random_homographies(3, (60, 80), generator=generator)
    moved = warp_images(scene(columns, rows).expand(3, 1, 60, 80), homographies)[:, 0]
    origins = source_points(homographies, (60, 80))
    shown = inside(origins, (60, 80), 1)
    wanted = scene(origins[..., 0], origins[..., 1])
    assert shown.float().mean() > 0.5
    torch.testing.assert_close(moved[shown], wanted[shown], rtol=0, atol=0.01)
    torch.testing.assert_close(
        transform_points(origins.flatten(1, 2), homographies)[0, 81], torch.tensor([1.0, 1.0]), rtol=0, atol=1e-3
    )


def test_inside_on_paper():
    points = torch.tensor([[-0.5, 0], [-0.6, 0], [4.5, 3.5], [4.6, 0], [math.nan, 1], [math.inf, 1]])
    assert inside(points, (4, 5)).tolist() == [True, False, True, False, False, False]
    assert inside(torch.tensor([[0.4, 1], [0.5, 1.0]]), (4, 5), 1).tolist() == [False, True]
