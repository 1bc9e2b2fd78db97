"""The contract that every codec keeps."""

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs import KeypointCodec

pytestmark = pytest.mark.usefixtures('mmpose_scope')
CODECS = {
    'AnisotropicHeatmap': dict(covariance=dict(type='LearnedCovariance', sigma=8)),
    'IsotropicHeatmap': dict(sigma=8),
    'PublishedHeatmap': dict(rule='mmpose-dark', sigma=5),
}


def concrete(cls):
    """Every codec of the package that can be built."""
    subclasses = [found for child in cls.__subclasses__() for found in (child, *concrete(child))]
    return {found for found in subclasses if not found.__abstractmethods__ and 'hybridkp.' in found.__module__}


def test_every_codec_is_registered_and_tested_here():
    assert {cls.__name__ for cls in concrete(KeypointCodec)} == set(CODECS)
    assert all(KEYPOINT_CODECS.get(name) in concrete(KeypointCodec) for name in CODECS)


def test_contract_is_abstract():
    with pytest.raises(TypeError, match='abstract'):
        KeypointCodec()


@pytest.mark.parametrize('name', CODECS)
def test_shapes_units_and_devices(name):
    codec = KEYPOINT_CODECS.build(dict(type=name, num_keypoints=3, **CODECS[name]))
    keypoints = torch.tensor([[[40.0, 50.0], [64.2, 61.1], [80.3, 40.9]]]).expand(2, 3, 2)
    covariance = codec.target_covariance(keypoints, (128, 96))
    heatmaps = codec.encode(keypoints, covariance, (32, 24))
    decoded, scores, decoded_covariance = codec.decode(heatmaps)
    assert covariance.shape == decoded_covariance.shape == (2, 3, 2, 2)
    assert heatmaps.shape == (2, 3, 32, 24) and scores.shape == (2, 3)
    torch.testing.assert_close(decoded, keypoints, rtol=0, atol=0.02)
    torch.testing.assert_close(decoded_covariance, covariance, rtol=0.01, atol=0.1)
    energy = codec.target_energy(covariance)
    assert energy.shape == (2, 3)
    penalty = codec.penalty()
    assert penalty is None or penalty.shape == ()
    meta = codec.to('meta')
    on_meta = meta.encode(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, 2, 2, device='meta'), (32, 24))
    assert on_meta.device.type == 'meta'
