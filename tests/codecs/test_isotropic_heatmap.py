"""The codec with one width is the general one with a fixed round covariance."""

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs import IsotropicHeatmap

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.mark.parametrize('width', [dict(sigma=6.0), dict(relative_sigma=0.04)])
@pytest.mark.parametrize('options', [dict(), dict(stride=2, pixel_offset=0.0)])
def test_equals_the_general_codec(width, options, generator):
    options = dict(options, num_keypoints=3)
    isotropic = KEYPOINT_CODECS.build(dict(type='IsotropicHeatmap', **width, **options))
    general = KEYPOINT_CODECS.build(
        dict(type='AnisotropicHeatmap', covariance=dict(type='FixedCovariance', **width), **options)
    )
    keypoints = 100 * torch.rand(2, 3, 2, generator=generator)
    covariance = isotropic.target_covariance(keypoints, (96, 128))
    assert torch.equal(covariance, general.target_covariance(keypoints, (96, 128)))
    size = (96 // isotropic.stride, 128 // isotropic.stride)
    heatmaps = isotropic.encode(keypoints, covariance, size)
    assert torch.equal(heatmaps, general.encode(keypoints, covariance, size))
    assert torch.equal(isotropic.target_energy(covariance), general.target_energy(covariance))
    for mine, others in zip(isotropic.decode(heatmaps), general.decode(heatmaps), strict=True):
        assert torch.equal(mine, others)
    assert isotropic.penalty() is None and not list(isotropic.parameters()) and not isotropic.state_dict()


def test_round_gaussian_of_the_given_width():
    codec = IsotropicHeatmap(sigma=8)
    keypoint = torch.tensor([[[33.5, 33.5]]])  # cell 8
    heatmap = codec.encode(keypoint, codec.target_covariance(keypoint, (64, 64)), (16, 16))[0, 0]
    # two cells are 8 px, one standard deviation
    assert heatmap[8, 8] == 1
    for y, x in ((8, 10), (8, 6), (10, 8), (6, 8)):
        assert heatmap[y, x] == pytest.approx(0.60653, abs=1e-5)


def test_errors():
    with pytest.raises(ValueError, match='either sigma'):
        IsotropicHeatmap()
    with pytest.raises(ValueError, match='either sigma'):
        IsotropicHeatmap(sigma=2, relative_sigma=0.1)
    with pytest.raises(ValueError, match='positive and finite'):
        IsotropicHeatmap(sigma=-2)
    with pytest.raises(ValueError, match='not a multiple of stride'):
        IsotropicHeatmap(sigma=2, input_size=(33, 32))
