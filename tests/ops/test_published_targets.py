"""Published targets: the official fixture and mmpose's own generators."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.codecs.utils import (
    generate_gaussian_heatmaps,
    generate_udp_gaussian_heatmaps,
    generate_unbiased_gaussian_heatmaps,
)

from hybridkp.ops.published_targets import render_squares

FIXTURE = Path(__file__).parents[1] / 'data/hrnet_w32/official_decode.npz'


@pytest.mark.parametrize('sigma', [2, 3])
def test_fixture_of_the_official_targets(sigma):
    fixture = np.load(FIXTURE)
    wanted, weights = fixture[f'target/sigma{sigma}'], fixture[f'target/weight{sigma}'][:, 0]
    points = torch.from_numpy(fixture['target/joints']).float()[None] / 4
    found = render_squares(points, torch.full((1, 17), float(sigma)), wanted.shape[-2:], True, True)[0].numpy()
    seen = fixture['target/visible'] > 0
    np.testing.assert_allclose(found[seen], wanted[seen], rtol=0, atol=1e-6)
    # a target that is seen and whose weight is 0 lies wholly outside
    assert seen.any() and not found[seen & (weights == 0)].any() and not wanted[~seen].any()


@pytest.mark.parametrize(
    'theirs, rounded, windowed',
    [
        (generate_gaussian_heatmaps, True, True),
        (generate_unbiased_gaussian_heatmaps, False, False),
        (generate_udp_gaussian_heatmaps, False, True),
    ],
)
@pytest.mark.parametrize('sigma', [2, 3])
def test_same_targets_as_mmpose(theirs, rounded, windowed, sigma):
    points = np.random.default_rng(0).uniform(-4, 52, (1, 120, 2)).astype(np.float32)
    wanted, weights = theirs((48, 40), points, np.ones((1, 120), np.float32), sigma)
    # just below 0, where UDP's window moves by a cell, and far outside, where DARK's has no target in mmpose
    same = (weights[0] > 0) & (points[0] > -0.5).all(axis=-1)
    found = render_squares(torch.from_numpy(points), torch.full((1, 120), float(sigma)), (40, 48), rounded, windowed)
    np.testing.assert_allclose(found[0].numpy()[same], wanted[same], rtol=0, atol=1e-6)
    assert same.sum() > 40


def test_targets_need_no_value_from_the_device():
    points, sigmas = torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta')
    assert render_squares(points, sigmas, (8, 6), True, True).shape == (2, 3, 8, 6)
