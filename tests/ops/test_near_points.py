"""The parts of heatmaps near points."""

import pytest
import torch

from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.near_points import keep_near
from hybridkp.ops.peaks import fit_peaks


def test_by_hand():
    maps = torch.ones(1, 2, 3, 5)
    near = keep_near(maps, torch.tensor([[[1.0, 0.0], [10.0, 10.0]]]), 1.0)
    assert near[0, 0].tolist() == [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert not near[0, 1].any() and maps.all()


def test_what_is_beyond_does_not_spread():
    maps = torch.full((1, 1, 4, 4), torch.nan)
    maps[0, 0, 0, 0] = 1
    assert keep_near(maps, torch.zeros(1, 1, 2), 0.5)[0, 0].tolist() == [[1, 0, 0, 0], *[[0] * 4] * 3]


def test_nothing_near_is_uncertain():
    maps = torch.full((1, 1, 48, 64), -0.5)
    maps[0, 0, 40, 50] = 1
    points, scores, covariances = fit_peaks(keep_near(maps, torch.tensor([[[20.0, 15.0]]]), 6))
    assert points == pytest.approx(torch.tensor([[[20.0, 15.0]]]), abs=1e-4) and scores < 1e-5
    assert (covariances[0, 0].diagonal() > 3**2).all()


@pytest.mark.parametrize('radius', [0, -1.0])
def test_a_radius_is_positive(radius):
    with pytest.raises(ValueError, match='positive radius'):
        keep_near(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2), radius)


def test_the_lower_of_two_peaks():
    low, high = torch.tensor([[[12.3, 20.6]]]), torch.tensor([[[40.0, 30.0]]])
    covariance = 4 * torch.eye(2).expand(1, 1, 2, 2)
    maps = 0.5 * render_gaussians(low, covariance, (48, 64)) + render_gaussians(high, covariance, (48, 64))
    assert fit_peaks(maps)[0] == pytest.approx(high, abs=1e-3)
    points, scores, covariances = fit_peaks(keep_near(maps, low + 3, 12))
    assert points == pytest.approx(low, abs=1e-2) and scores == pytest.approx(0.5, abs=0.02)
    assert covariances == pytest.approx(covariance, abs=0.05)
