"""The static ways of functions: the same numbers, with nothing that depends on values."""

import pytest
import torch

from hybridkp.ops.covariance import from_sigmas, merge, to_sigmas
from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.peaks import fit_peaks
from hybridkp.ops.point_maps import find_points
from hybridkp.ops.static_graph import hypotenuse, is_static, solve_definite, static_graph


def test_the_block_ends_whatever_happens():
    assert not is_static()
    with pytest.raises(KeyError), static_graph():
        with static_graph():
            assert is_static()
        assert is_static()
        raise KeyError
    assert not is_static()


def test_systems_are_solved(generator):
    roots = torch.randn(50, 6, 6, generator=generator, dtype=torch.float64)
    matrices, right = roots @ roots.mT, torch.randn(50, 6, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(solve_definite(matrices, right), torch.linalg.solve(matrices, right), rtol=1e-6, atol=0)
    by_hand = solve_definite(torch.tensor([[4.0, 2.0], [2.0, 3.0]]), torch.tensor([2.0, 5.0]))
    torch.testing.assert_close(by_hand, torch.tensor([-0.5, 2.0]))
    assert not solve_definite(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), torch.ones(2)).isfinite().any()


def test_hypotenuse_is_that_of_torch(generator):
    a, b = torch.randn(2, 100, generator=generator)
    with static_graph():
        torch.testing.assert_close(hypotenuse(a, b), torch.hypot(a, b))
    assert torch.equal(hypotenuse(a, b), torch.hypot(a, b))


def maps(generator):
    """Peaks, thin and round ones, some at a border; noise, an empty map, a flat one and one that is not finite."""
    points = 40 * torch.rand(3, 6, 2, generator=generator) - 4
    sigmas = 0.5 + 3 * torch.rand(2, 3, 6, generator=generator)
    covariances = from_sigmas(*sigmas, 3 * torch.rand(3, 6, generator=generator))
    drawn = render_gaussians(points, covariances, (36, 28)) + 0.05 * torch.rand(3, 6, 36, 28, generator=generator)
    drawn[0, 0] = torch.rand(36, 28, generator=generator)
    drawn[0, 1], drawn[1, 1], drawn[2, 2, 3, 4] = 0, 0.7, torch.inf
    return drawn


def test_peaks_are_the_same(generator):
    drawn = maps(generator)
    with static_graph():
        static = fit_peaks(drawn)
    for found, expected in zip(static, fit_peaks(drawn), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_points_are_the_same(generator):
    drawn = maps(generator)[1:, 3]
    with static_graph():
        static = find_points(drawn, 20, 2, 0.02)
    for found, expected in zip(static, find_points(drawn, 20, 2, 0.02), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_merging_and_axes_are_the_same(generator):
    points, weights = torch.randn(2, 5, 7, 2, generator=generator), torch.rand(2, 5, 7, generator=generator)
    covariances = from_sigmas(*(0.3 + torch.rand(3, 2, 5, 7, generator=generator)))
    expected = *merge(points, covariances, weights), *to_sigmas(covariances)
    with static_graph():
        found = *merge(points, covariances, weights), *to_sigmas(covariances)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
