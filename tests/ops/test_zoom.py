"""Zooming about a point."""

import pytest
import torch

from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.peaks import fit_peaks
from hybridkp.ops.zoom import zoom


@pytest.mark.parametrize('factor', [0.8, 1.0, 1.3])
@pytest.mark.parametrize('center', [None, (20.0, 14.5)])
def test_a_peak_goes_where_the_zoom_takes_it(factor, center):
    points = torch.tensor([[[26.0, 17.0], [18.5, 30.25]]])
    maps = render_gaussians(points, torch.eye(2).expand(1, 2, 2, 2) * 9, (48, 40))
    found, scores, covariances = fit_peaks(zoom(maps, factor, center))
    fixed = torch.tensor(center or (19.5, 23.5))
    torch.testing.assert_close(found, fixed + factor * (points - fixed), atol=0.03, rtol=0)
    torch.testing.assert_close(covariances, torch.eye(2).expand(1, 2, 2, 2) * 9 * factor**2, atol=0.3, rtol=0.05)
    assert (scores > 0.98).all()


def test_zooming_back_gives_the_map(generator):
    maps = render_gaussians(torch.tensor([[[20.0, 20.0]]]), torch.eye(2)[None, None] * 16, (40, 44))
    torch.testing.assert_close(zoom(zoom(maps, 0.9), 1 / 0.9), maps, atol=1e-2, rtol=0)
    assert zoom(torch.ones(1, 1, 5, 5), 0.5).eq(1).all()
    with pytest.raises(ValueError, match='positive factor, not 0'):
        zoom(maps, 0)
