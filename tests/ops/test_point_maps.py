"""Maps of many points: as the maximum over single Gaussians, and found again."""

import pytest
import torch

from hybridkp.ops.covariance import from_sigmas
from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.point_maps import find_points, local_maxima, render_points

SIZE = (40, 50)


def random_points(generator, count=9, dtype=torch.float32):
    points = torch.rand(2, count, 2, generator=generator, dtype=dtype) * torch.tensor([54.0, 44.0]) - 2
    axes = torch.rand(2, 2, count, generator=generator, dtype=dtype) * 1.2 + 0.8
    angles = 3 * torch.rand(2, count, generator=generator, dtype=dtype)
    return points, from_sigmas(axes[0], axes[1], angles), torch.rand(2, count, generator=generator, dtype=dtype)


def test_equals_the_maximum_over_maps_of_single_points(generator):
    points, covariances, weights = random_points(generator)
    found = render_points(points, covariances, weights, SIZE, 9)
    wanted = (render_gaussians(points, covariances, SIZE) * weights[..., None, None]).amax(dim=1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-5)


def test_in_double_precision_exactly(generator):
    points, covariances, weights = random_points(generator, dtype=torch.float64)
    found = render_points(points, covariances, weights, SIZE, 9)
    wanted = (render_gaussians(points, covariances, SIZE) * weights[..., None, None]).amax(dim=1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_nothing_is_drawn_of_empty_places_and_broken_points():
    points = torch.tensor([[[5.0, 5], [torch.nan, 3], [torch.inf, 4], [-900, 3]]])
    covariances = torch.eye(2).expand(1, 4, 2, 2)
    found = render_points(points, covariances, torch.tensor([[0.0, 1, 1, 1]]), (9, 11), 4)
    assert (found == 0).all()
    assert render_points(points[:, :0], covariances[:, :0], torch.zeros(1, 0), (9, 11), 4).shape == (1, 9, 11)


def test_maxima_on_paper():
    maps = torch.zeros(1, 5, 6)
    maps[0, 1, 1], maps[0, 1, 3], maps[0, 4, 5] = 0.5, 0.7, 0.2
    assert (local_maxima(maps, 1) & (maps > 0)).nonzero().tolist() == [[0, 1, 1], [0, 1, 3], [0, 4, 5]]
    assert (local_maxima(maps, 3) & (maps > 0)).nonzero().tolist() == [[0, 1, 3]]


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_points_are_found_again(dtype):
    points = torch.tensor([[[8.3, 7.6], [30.0, 9.5], [12.2, 30.1], [0.4, 20.0], [48.6, 38.7]]])
    axes = torch.tensor([[1.5, 1.2, 1.0, 1.1, 1.3]]), torch.tensor([[1.0, 1.2, 0.9, 1.1, 1.0]])
    covariances = from_sigmas(*axes, torch.tensor([[0.5, 0, -0.6, 0, 1.0]]))
    weights = torch.tensor([[0.9, 0.7, 0.8, 0.6, 0.5]])
    maps = render_points(points, covariances, weights, SIZE, 8).to(dtype)
    found, scores, spread = find_points(maps, 8, 3)
    assert found.shape == (1, 8, 2) and (scores[0, 5:] == 0).all() and (scores[0, :-1] >= scores[0, 1:]).all()
    nearest = torch.cdist(points, found[:, :5])[0].argmin(dim=1)
    exact = dtype == torch.float32
    torch.testing.assert_close(found[0, nearest], points[0], rtol=0, atol=0.02 if exact else 0.15)
    if exact:
        inner = nearest[:3]
        torch.testing.assert_close(spread[0, inner], covariances[0, :3], rtol=0.02, atol=0.02)


def test_of_equal_neighbours_one_is_a_point():
    maps = torch.zeros(1, 20, 20)
    maps[0, 5, 5:7] = 0.5
    maps[0, 12:15, 12:15] = 0.7
    points, scores, _ = find_points(maps, 10, 2)
    assert (scores > 0).sum() == 2
    torch.testing.assert_close(points[0, :2], torch.tensor([[13.0, 13.0], [5.5, 5.0]]), rtol=0, atol=0.6)


def test_low_peaks_and_flat_maps_have_no_points():
    maps = torch.zeros(2, 12, 12)
    maps[0, 4, 4], maps[0, 9, 9] = 0.4, 0.05
    _, scores, covariances = find_points(maps, 4, 2, 0.1)
    assert (scores > 0).sum(dim=1).tolist() == [1, 0] and covariances.isfinite().all()
    assert find_points(maps, 1000, 2)[1].shape == (2, 144)
