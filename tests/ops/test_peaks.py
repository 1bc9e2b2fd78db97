"""Peaks: exact on Gaussians, sensible on everything else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops.covariance import area, from_sigmas, mirror
from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.peaks import fit_peaks, highest_cells

SIZE = (48, 56)
unit = st.floats(0, 1)


def gaussian(x, y, sigma1=2.0, sigma2=2.0, angle=0.0, size=SIZE):
    """A map (1, 1, h, w) with one Gaussian, and its covariance (2, 2)."""
    covariances = from_sigmas(*torch.tensor([sigma1, sigma2, angle]))
    return render_gaussians(torch.tensor([[[x, y]]]), covariances[None, None], size), covariances


def fit_one(heatmap):
    """The point (2,), score and covariance (2, 2) of the only map of (1, 1, h, w)."""
    points, scores, covariances = fit_peaks(heatmap)
    return points[0, 0], scores[0, 0], covariances[0, 0]


def assert_sound(heatmaps):
    """Check what holds for any input; return the fit."""
    points, scores, covariances = fit_peaks(heatmaps)
    assert points.isfinite().all() and covariances.isfinite().all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (torch.linalg.eigvalsh(covariances.double()) > 0.009).all()
    torch.testing.assert_close(covariances, covariances.mT, rtol=1e-4, atol=1e-5)
    return points, scores, covariances


@pytest.mark.parametrize('size', [(7, 9), (1, 5), (5, 1), (1, 1)])
def test_highest_cells_are_those_of_argmax(size, generator):
    maps = torch.randn(40, *size, generator=generator)
    peaks, rows, columns = highest_cells(maps)
    assert torch.equal(peaks, maps.flatten(1).amax(dim=1))
    assert torch.equal(rows * size[1] + columns, maps.flatten(1).argmax(dim=1))
    assert torch.equal(maps[torch.arange(40), rows, columns], peaks)


@settings(max_examples=150, deadline=None)
@given(unit, unit, st.floats(0.5, 5), st.floats(0.5, 5), st.floats(-1.57, 1.57), st.floats(0.01, 1))
def test_gaussian_comes_back(u, v, sigma1, sigma2, angle, amplitude):
    reach = 4 * from_sigmas(*torch.tensor([sigma1, sigma2, angle])).diagonal().sqrt()
    inside = torch.tensor([SIZE[1] - 1.0, SIZE[0] - 1.0]) - 2 * reach
    wanted = reach + torch.tensor([u, v]) * inside
    heatmap, covariance = gaussian(*wanted.tolist(), sigma1, sigma2, angle)
    point, score, fitted = fit_one(amplitude * heatmap)
    assert torch.linalg.vector_norm(point - wanted) < 0.02
    assert torch.linalg.matrix_norm(fitted - covariance) < 0.01 * torch.linalg.matrix_norm(covariance)
    assert score == pytest.approx(amplitude * heatmap.max().item(), abs=1e-6)


@pytest.mark.parametrize('x, y', [(0.0, 20.0), (0.3, 0.4), (-0.8, 20.0), (55.0, 47.0), (55.4, 30.0), (-1.5, -1.2)])
@pytest.mark.parametrize('sigma1, sigma2', [(1.0, 1.0), (2.0, 2.0), (4.0, 1.5)])
def test_peaks_at_and_beyond_the_border(x, y, sigma1, sigma2):
    heatmap, covariance = gaussian(x, y, sigma1, sigma2, 0.3)
    point, _, fitted = fit_one(heatmap)
    assert torch.linalg.vector_norm(point - torch.tensor([x, y])) < 0.02
    torch.testing.assert_close(fitted, covariance, rtol=0.01, atol=0.01)


def test_long_narrow_ridge_whose_highest_cell_is_far_from_its_peak():
    heatmap, covariance = gaussian(30.5, 24.0, 6.0, 0.5, math.pi / 2 - 0.15)
    highest = heatmap.argmax().item()
    assert abs(highest // SIZE[1] - 24) > 2, 'the example is meant to have its highest cell outside the patch'
    point, _, fitted = fit_one(heatmap)
    assert torch.linalg.vector_norm(point - torch.tensor([30.5, 24.0])) < 0.02
    torch.testing.assert_close(fitted, covariance, rtol=0.01, atol=0.01)


@pytest.mark.parametrize('value', [0.0, -1.0, -math.inf, math.nan, math.inf])
def test_map_without_a_positive_value_is_its_centre_with_score_0(value):
    points, scores, covariances = assert_sound(torch.full((1, 2, 9, 12), value))
    assert torch.allclose(points, torch.tensor([5.5, 4.0])) and not scores.any()
    assert (covariances.diagonal(dim1=-2, dim2=-1) > torch.tensor([12**2 / 12, 9**2 / 12])).all()


def test_flat_map_has_score_0():
    point, score, covariance = fit_one(torch.full((1, 1, 9, 12), 0.25))
    assert torch.allclose(point, torch.tensor([5.5, 4.0])) and score < 1e-6
    assert covariance[0, 0] > 12


@pytest.mark.parametrize('broken', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('cell', [(20, 30), (21, 29), (3, 3)])
def test_cells_that_are_not_finite_count_as_0(broken, cell):
    heatmap, _ = gaussian(30.2, 20.1)
    heatmap[0, 0, cell[0], cell[1]] = broken
    point, score, _ = (values[0, 0] for values in assert_sound(heatmap))
    assert torch.linalg.vector_norm(point - torch.tensor([30.2, 20.1])) < 0.5 and score > 0.8


@pytest.mark.parametrize('sigma', [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize('gain', [1.1, 1.5, 3.0, 10.0])
def test_saturated_gaussian_keeps_its_centre(sigma, gain, generator):
    wanted = 20 + torch.rand(50, 1, 2, generator=generator) * 4
    maps = render_gaussians(wanted, (sigma**2 * torch.eye(2)).expand(50, 1, 2, 2), SIZE)
    points, scores, _ = assert_sound((gain * maps).clamp(max=1))
    assert (torch.linalg.vector_norm(points - wanted, dim=-1) < 0.5).all() and (scores > 0.8).all()


def test_negative_surroundings_do_not_matter():
    heatmap, covariance = gaussian(30.2, 20.1, 0.9, 0.7, 0.5)
    point, _, fitted = fit_one(torch.where(heatmap > 0, heatmap, -0.3))
    assert torch.linalg.vector_norm(point - torch.tensor([30.2, 20.1])) < 0.02
    torch.testing.assert_close(fitted, covariance, rtol=0.01, atol=0.01)


@pytest.mark.parametrize('value', [1e-30, 3.0, 1e30])
def test_score_stays_in_its_range(value):
    heatmap, _ = gaussian(30.2, 20.1)
    point, score, _ = (values[0, 0] for values in assert_sound(value * heatmap))
    assert torch.linalg.vector_norm(point - torch.tensor([30.2, 20.1])) < 0.02
    assert score == pytest.approx(min(value * heatmap.max().item(), 1))


@pytest.mark.parametrize('size', [(1, 1), (3, 3), (5, 1), (1, 5), (2, 2), (4, 2)])
def test_tiny_maps(size, generator):
    maps = torch.rand(20, 2, *size, generator=generator)
    maps[0], maps[1], maps[2] = 0, 1, -1
    maps[3] = 0
    maps[3, :, -1, -1] = 1
    points, scores, _ = assert_sound(maps)
    assert torch.allclose(points[:3], torch.tensor([(size[1] - 1) / 2, (size[0] - 1) / 2]))
    assert (scores[:3] < 1e-6).all()
    assert torch.allclose(points[3], torch.tensor([size[1] - 1.0, size[0] - 1.0]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.0, 0.5, -2.0]))
def test_any_map_gives_a_sound_result(seed, height, width, shift):
    generator = torch.Generator().manual_seed(seed)
    assert_sound(torch.randn(2, 5, height, width, generator=generator) + shift)
    assert_sound(torch.randn(2, 5, height, width, generator=generator).sign())


@pytest.mark.parametrize('shape', [(0, 3), (2, 0)])
def test_no_maps(shape):
    assert [tuple(values.shape) for values in fit_peaks(torch.zeros(*shape, 4, 5))] == [
        (*shape, 2),
        shape,
        (*shape, 2, 2),
    ]


def test_mirrored_maps_have_mirrored_peaks(generator):
    points = torch.rand(3, 20, 2, generator=generator) * 50
    axes = 0.5 + 3 * torch.rand(3, 20, 3, generator=generator)
    maps = render_gaussians(points, from_sigmas(*axes.unbind(-1)), SIZE)
    maps = (maps + 0.02 * torch.randn(maps.shape, generator=generator)) * (1 + 2 * (points[..., :1, None] > 25))
    maps = maps.clamp(max=1)  # noisy ones and saturated ones
    points, scores, covariances = fit_peaks(maps)
    mirrored = fit_peaks(maps.flip(-1))
    wanted = torch.stack((SIZE[1] - 1 - points[..., 0], points[..., 1]), dim=-1)
    torch.testing.assert_close(mirrored[0], wanted, rtol=0, atol=1e-3)
    torch.testing.assert_close(mirrored[1], scores, rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored[2], mirror(covariances), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    'dtype, expected, tolerance',
    [
        (torch.float64, torch.float64, 1e-6),
        (torch.float16, torch.float32, 0.02),
        (torch.bfloat16, torch.float32, 0.1),
    ],
)
def test_dtypes(dtype, expected, tolerance):
    heatmap, covariance = gaussian(30.2, 20.1, 3.0, 2.0, 0.5)
    if dtype == torch.float64:
        heatmap = render_gaussians(torch.tensor([[[30.2, 20.1]]], dtype=dtype), covariance[None, None].to(dtype), SIZE)
    point, score, fitted = fit_one(heatmap.to(dtype))
    assert {value.dtype for value in (point, score, fitted)} == {expected}
    assert torch.linalg.vector_norm(point - torch.tensor([30.2, 20.1], dtype=torch.float64)) < tolerance
    torch.testing.assert_close(fitted.double(), covariance.double(), rtol=3 * tolerance, atol=3 * tolerance)


def test_autocast_does_not_lower_the_precision():
    heatmap, _ = gaussian(30.2, 20.1)
    with torch.autocast('cpu', torch.bfloat16):
        under = fit_peaks(heatmap)
    assert all(torch.equal(a, b) for a, b in zip(under, fit_peaks(heatmap), strict=True))


def test_highest_of_several_peaks_wins():
    low, _ = gaussian(12.0, 10.0)
    high, covariance = gaussian(40.3, 30.2)
    point, score, fitted = fit_one(torch.maximum(0.7 * low, 0.9 * high))
    assert torch.linalg.vector_norm(point - torch.tensor([40.3, 30.2])) < 0.02
    assert score == pytest.approx(0.9 * high.max().item())
    torch.testing.assert_close(fitted, covariance, rtol=0.01, atol=0.01)


def test_maps_do_not_influence_each_other(generator):
    maps = torch.randn(4, 3, 12, 12, generator=generator)
    maps[1, 1] = math.nan
    maps[2] = gaussian(5.2, 6.1, size=(12, 12))[0]
    together = fit_peaks(maps)
    for b in range(4):
        for whole, alone in zip(together, fit_peaks(maps[b : b + 1]), strict=True):
            torch.testing.assert_close(whole[b : b + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('noise, bound', [(0.01, 0.03), (0.05, 0.15)])
def test_noise_moves_the_point_little(noise, bound, generator):
    wanted = 20 + torch.rand(400, 1, 2, generator=generator) * 4
    truth = (4 * torch.eye(2)).expand(400, 1, 2, 2)
    maps = render_gaussians(wanted, truth, SIZE)
    points, _, covariances = fit_peaks(maps + noise * torch.randn(maps.shape, generator=generator))
    error = torch.linalg.vector_norm(points - wanted, dim=-1)
    assert error.square().mean().sqrt() < bound, error.square().mean().sqrt()
    assert error.max() < 5 * bound
    assert area(covariances).median() == pytest.approx(4, rel=0.1)
