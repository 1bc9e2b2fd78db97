"""Rendered Gaussians against a plain loop, on both paths, and their gradients and symmetries."""

from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops.covariance import from_sigmas, mirror
from hybridkp.ops.gaussian import TRUNCATION, gaussian_energy, render_gaussians


def dense(points, covariances, size):
    """Render on the path that other devices and compiled graphs take."""
    with mock.patch.object(torch.compiler, 'is_compiling', return_value=True):
        return render_gaussians(points, covariances, size)


def plain(points, covariances, size):
    """Render cell by cell in float64."""
    maps = torch.zeros(*points.shape[:2], *size, dtype=torch.float64)
    for b, k, y, x in torch.cartesian_prod(*(torch.arange(n) for n in maps.shape)).tolist():
        d = torch.tensor([x, y], dtype=torch.float64) - points[b, k].double()
        distance = d @ torch.linalg.inv(covariances[b, k].double()) @ d
        maps[b, k, y, x] = torch.exp(-distance / 2) if distance < TRUNCATION**2 else 0
    return maps


def random_gaussians(generator, size, count=6, sigmas=(0.5, 4)):
    """Points (2, count, 2), some outside the map, and covariances (2, count, 2, 2)."""
    points = torch.rand(2, count, 2, generator=generator) * torch.tensor([size[1] + 6.0, size[0] + 6.0]) - 3
    axes = torch.rand(2, 2, count, generator=generator) * (sigmas[1] - sigmas[0]) + sigmas[0]
    return points, from_sigmas(axes[0], axes[1], 3 * torch.rand(2, count, generator=generator))


@pytest.mark.parametrize('size', [(9, 14), (14, 5), (1, 1)])
@pytest.mark.parametrize('render', [render_gaussians, dense])
def test_agrees_with_a_plain_loop(render, size, generator):
    points, covariances = random_gaussians(generator, size, count=3)
    maps = render(points, covariances, size)
    assert maps.dtype == torch.float32 and maps.max() <= 1
    torch.testing.assert_close(maps.double(), plain(points, covariances, size), rtol=0, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 12))
def test_windows_agree_with_the_dense_path(seed, height, width, sigma):
    generator = torch.Generator().manual_seed(seed)
    points, covariances = random_gaussians(generator, (height, width), sigmas=(0.3, sigma))
    points, covariances = points.double(), covariances.double()
    windowed = render_gaussians(points, covariances, (height, width))
    torch.testing.assert_close(windowed, dense(points, covariances, (height, width)), rtol=0, atol=1e-12)


def test_large_batches_agree_with_the_dense_path(generator):
    points, covariances = random_gaussians(generator, (64, 64), count=200)
    maps = render_gaussians(points.requires_grad_(), covariances, (64, 64))
    torch.testing.assert_close(maps, dense(points, covariances, (64, 64)), rtol=0, atol=1e-6)
    kept = maps.detach().clone()
    (gradient,) = torch.autograd.grad(maps.square().sum(), points)
    (wanted,) = torch.autograd.grad(dense(points, covariances, (64, 64)).square().sum(), points)
    torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-3)
    render_gaussians(points.detach() + 9, covariances, (64, 64))
    assert torch.equal(maps, kept), 'another call wrote into the maps of this one'


@pytest.mark.parametrize('render', [render_gaussians, dense])
def test_gradients(render):
    points = torch.tensor([[[3.2, 2.9], [0.1, 5.3]], [[8.4, 1.2], [-1.3, 2.2]]], dtype=torch.float64)
    sigmas = torch.tensor([[1.4, 0.9], [0.8, 1.1]], dtype=torch.float64)
    covariances = from_sigmas(sigmas, 1.7 * sigmas.flip(0), sigmas - 1)
    inputs = (points.requires_grad_(), covariances.requires_grad_())
    assert torch.autograd.gradcheck(lambda p, c: render(p, c, (6, 7)), inputs)


@pytest.mark.parametrize('render', [render_gaussians, dense])
def test_mirrored_points_give_mirrored_maps(render, generator):
    points, covariances = random_gaussians(generator, (17, 24), count=50)
    maps = render(points, covariances, (17, 24))
    mirrored = render(torch.stack((23 - points[..., 0], points[..., 1]), dim=-1), mirror(covariances), (17, 24))
    torch.testing.assert_close(mirrored, maps.flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize('render', [render_gaussians, dense])
def test_points_at_and_beyond_the_border(render):
    points = torch.tensor([[[0.0, 0.0], [9.0, 4.0], [-2.0, 2.0], [-9.0, 2.0], [4.0, 1e7]]])
    maps = render(points, (2 * torch.eye(2)).square().expand(1, 5, 2, 2), (5, 10))[0]
    assert maps[0, 0, 0] == 1 and maps[1, 4, 9] == 1
    assert maps[2, 2, 0] == pytest.approx(torch.tensor(-0.5).exp().item())
    assert not maps[3:].any()


@pytest.mark.parametrize('render', [render_gaussians, dense])
def test_point_that_is_not_finite_gives_an_empty_map_and_no_gradient(render):
    nan, inf = float('nan'), float('inf')
    points = torch.tensor([[[nan, 3.0], [3.0, inf], [-inf, nan], [3.0, 3.0]]], requires_grad=True)
    covariances = torch.eye(2).repeat(1, 4, 1, 1).requires_grad_()
    maps = render(points, covariances, (7, 7))
    assert not maps[0, :3].any() and maps[0, 3, 3, 3] == 1
    maps[..., :3].sum().backward()
    assert points.grad.isfinite().all() and covariances.grad.isfinite().all()
    assert not points.grad[0, :3].any() and points.grad[0, 3].any()


@pytest.mark.parametrize('render', [render_gaussians, dense])
@pytest.mark.parametrize('shape', [(0, 3), (2, 0), (0, 0)])
def test_no_points(render, shape):
    assert render(torch.zeros(*shape, 2), torch.zeros(*shape, 2, 2), (4, 5)).shape == (*shape, 4, 5)


@pytest.mark.parametrize('sigmas', [(60.0, 40.0), (60.0, 0.5), (1000.0, 1000.0)])
def test_gaussians_wider_than_the_map(sigmas):
    covariances = from_sigmas(*torch.tensor([*sigmas, 0.4]))[None, None]
    points = torch.tensor([[[3.3, 2.1]]])
    maps = render_gaussians(points, covariances, (8, 9))
    torch.testing.assert_close(maps.double(), plain(points, covariances, (8, 9)), rtol=0, atol=1e-4)
    torch.testing.assert_close(maps, dense(points, covariances, (8, 9)), rtol=0, atol=1e-6)


def test_wide_and_narrow_gaussians_of_a_batch_do_not_disturb_each_other(generator):
    points, covariances = random_gaussians(generator, (20, 20), count=2)
    covariances[1, 1] *= 100
    together = render_gaussians(points, covariances, (20, 20))
    alone = render_gaussians(points[:1, :1], covariances[:1, :1], (20, 20))
    torch.testing.assert_close(together[:1, :1], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize('sigma1, sigma2, angle', [(2.0, 2.0, 0.0), (5.0, 1.0, 0.5), (1.0, 0.8, -1.2)])
def test_energy_is_the_sum_of_squares(sigma1, sigma2, angle):
    covariances = from_sigmas(*torch.tensor([sigma1, sigma2, angle], dtype=torch.float64))[None, None]
    points = torch.tensor([[[30.3, 29.8]]], dtype=torch.float64)
    energy = render_gaussians(points, covariances, (60, 60)).square().sum()
    assert energy.item() == pytest.approx(gaussian_energy(covariances).item(), rel=2e-3)


def test_needs_no_values_on_other_devices():
    maps = render_gaussians(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, 2, 2, device='meta'), (5, 6))
    assert maps.device.type == 'meta' and maps.shape == (2, 3, 5, 6)


def test_compiles_to_one_graph(generator):
    points, covariances = random_gaussians(generator, (9, 11))
    compiled = torch.compile(render_gaussians, backend='eager', fullgraph=True)
    torch.testing.assert_close(
        compiled(points, covariances, (9, 11)), render_gaussians(points, covariances, (9, 11)), rtol=0, atol=1e-6
    )


def test_a_covariance_that_is_not_finite_gives_an_empty_map():
    covariances = torch.eye(2).repeat(1, 3, 1, 1)
    covariances[0, 0, 0, 1], covariances[0, 1, 1, 1] = float('nan'), float('inf')
    heatmaps = render_gaussians(torch.full((1, 3, 2), 8.0), covariances, (16, 16))
    assert heatmaps.amax(dim=(2, 3)).tolist() == [[0.0, 0.0, 1.0]]
