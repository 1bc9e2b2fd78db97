"""Many points on one map, there and back, in pixels."""

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs.score_map import ScoreMap
from hybridkp.ops.covariance import from_sigmas, to_sigmas

POINTS = torch.tensor([[[20.3, 30.9], [60.0, 33.5], [44.4, 70.0]]])
COVARIANCES = from_sigmas(
    torch.tensor([[4.0, 5.0, 6.0]]), torch.tensor([[3.2, 4.0, 3.5]]), torch.tensor([[0.3, -1.0, 1.2]])
)


def test_is_registered(mmpose_scope):
    assert isinstance(KEYPOINT_CODECS.build(dict(type='ScoreMap', stride=1)), ScoreMap)


@pytest.mark.parametrize('stride', [1, 2])
def test_points_and_covariances_there_and_back(stride):
    codec = ScoreMap(stride=stride, radius=6)
    maps = codec.encode(POINTS, COVARIANCES, torch.tensor([[0.9, 0.6, 0.8]]), (96 // stride, 96 // stride))
    assert maps.shape == (1, 1, 96 // stride, 96 // stride)
    points, scores, covariances = codec.decode(maps, 5)
    order = [0, 2, 1]
    torch.testing.assert_close(points[0, :3], POINTS[0, order], rtol=0, atol=0.02 * stride)
    assert scores[0].tolist() == pytest.approx([0.9, 0.8, 0.6, 0, 0], abs=0.05 * stride)
    torch.testing.assert_close(covariances[0, :3], COVARIANCES[0, order], rtol=0.05, atol=0.05)


def test_what_is_drawn_on_paper():
    codec = ScoreMap(width=0.5, sigmas=(1.5, 3.0))
    covariance = from_sigmas(torch.tensor(10.0), torch.tensor(2.0), torch.tensor(0.4))
    major, minor, angle = to_sigmas(codec.target_covariance(covariance))
    assert (major.item(), minor.item(), angle.item()) == pytest.approx((3.0, 1.5, 0.4), rel=1e-4)
    assert to_sigmas(codec.target_covariance(torch.zeros(2, 2)))[1].item() == pytest.approx(1.5)


def test_mirrored_points_have_mirrored_maps(generator):
    codec, points = ScoreMap(stride=2), 60 * torch.rand(1, 6, 2, generator=generator)
    covariances, weights = torch.eye(2).expand(1, 6, 2, 2) * 9, torch.ones(1, 6)
    maps = codec.encode(points, covariances, weights, (32, 40))
    mirrored = codec.encode(torch.stack((79 - points[..., 0], points[..., 1]), -1), covariances, weights, (32, 40))
    torch.testing.assert_close(mirrored, maps.flip(3), rtol=0, atol=1e-5)


def test_cells_on_paper():
    centres = ScoreMap(stride=2).cell_centres((2, 3), torch.zeros(()))
    assert centres[..., 0].tolist() == [[0.5, 2.5, 4.5]] * 2 and centres[..., 1].tolist() == [[0.5] * 3, [2.5] * 3]


@pytest.mark.parametrize('settings', [dict(sigmas=(3, 2)), dict(sigmas=(0, 2)), dict(width=0), dict(radius=1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='ScoreMap: expected'):
        ScoreMap(**settings)
