"""One level's layers: which channel is which number of which anchor, and the first values."""

import math

import pytest
import torch

from hybridkp.models.heads.anchor_pose_layers import AnchorPoseLayers


def test_channels_are_cut_into_anchors_after_both_parts_are_joined():
    layers = AnchorPoseLayers(4, 3, 6, 17).eval()
    with torch.no_grad():
        for layer in (layers.detection, layers.keypoints):
            layer.weight.zero_()
        layers.detection.bias.copy_(torch.arange(18.0))
        layers.keypoints.bias.copy_(torch.arange(18.0, 171.0))
        rows = layers(torch.zeros(1, 4, 2, 5))
    assert rows.shape == (1, 3, 2, 5, 57)
    # the first anchor has all 18 channels of the detection part, the others none
    assert torch.equal(rows[0, :, 1, 3], torch.arange(171.0).view(3, 57))


def test_vectors_are_added_before_and_multiplied_after():
    layers = AnchorPoseLayers(2, 1, 6, 1).eval()
    with torch.no_grad():
        layers.added.copy_(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1))
        layers.detection.weight.fill_(1)
        layers.detection.bias.fill_(1)
        layers.multiplied.fill_(3)
        rows = layers(torch.zeros(1, 2, 1, 1))
    assert rows[0, 0, 0, 0, :6].tolist() == [12] * 6  # 3 (1 + 2 + 1)


def test_covariances_are_cut_by_themselves():
    layers = AnchorPoseLayers(4, 3, 6, 2, covariances=True).eval()
    plain = AnchorPoseLayers(4, 3, 6, 2).eval()
    plain.load_state_dict({name: value for name, value in layers.state_dict().items() if 'shapes' not in name})
    with torch.no_grad():
        layers.shapes.weight.zero_()
        layers.shapes.bias.copy_(torch.arange(18.0))
        x = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
        rows = layers(x)
        assert torch.equal(rows[..., :12], plain(x))
    assert torch.equal(rows[0, :, 0, 0, 12:], torch.arange(18.0).view(3, 6))


@pytest.mark.parametrize('every_anchor, anchors', [(True, 3), (False, 1)])
def test_first_values(every_anchor, anchors):
    torch.manual_seed(0)
    layers = AnchorPoseLayers(256, 3, 6, 17).eval()
    for _ in range(2):  # a second time begins anew
        layers.init_values(-10.0, 4.0, every_anchor)
    biases = torch.cat((layers.detection.bias, layers.keypoints.bias)).detach()
    low = (biases < -9).nonzero()[:, 0].tolist()
    high = (biases > 3).nonzero()[:, 0].tolist()
    # per anchor, or in the three parts of the detection's 18 channels, all of which are the first anchor's
    assert low == ([4, 61, 118] if every_anchor else [4, 10, 16])
    assert high == [place + 1 for place in low]
    rest = biases[[i for i in range(171) if i not in low + high]]
    assert rest.abs().max() <= 1 / math.sqrt(256)
    assert 0.01 < layers.added.std() < 0.03 and abs(layers.multiplied.mean() - 1) < 0.03
    assert (layers(torch.zeros(1, 256, 1, 1))[0, :, 0, 0, 4] < -5).sum() == anchors


def test_every_parameter_has_a_gradient(generator):
    layers = AnchorPoseLayers(8, 2, 6, 3, covariances=True)
    layers(torch.randn(2, 8, 4, 4, generator=generator)).square().mean().backward()
    assert all(value.grad is not None and value.grad.any() for value in layers.parameters())
