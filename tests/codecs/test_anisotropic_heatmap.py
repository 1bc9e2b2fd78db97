"""Pixels to cells and back, by hand and by round trip."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs import AnisotropicHeatmap, FixedCovariance, LearnedCovariance
from hybridkp.ops.covariance import from_sigmas, mirror

pytestmark = pytest.mark.usefixtures('mmpose_scope')
FIXED = dict(type='FixedCovariance', sigma=8)


def build(stride=4, **options):
    return AnisotropicHeatmap(FIXED, stride=stride, **options)


@pytest.mark.parametrize(
    'stride, pixel_offset, pixel, cell',
    [
        (4, 0.5, 1.5, 0.0),  # the first cell covers the pixels 0 to 3, whose middle is 1.5
        (4, 0.5, 21.5, 5.0),
        (2, 0.5, 0.5, 0.0),
        (2, 0.5, 10.5, 5.0),
        (1, 0.5, 7.0, 7.0),
        (4, 0.0, 0.0, 0.0),  # mmpose: the first cell is the first pixel
        (4, 0.0, 20.0, 5.0),
        (2, 0.0, 10.0, 5.0),
    ],
)
def test_rule_of_pixels_and_cells(stride, pixel_offset, pixel, cell):
    codec = build(stride, pixel_offset=pixel_offset)
    covariance = torch.tensor([[4.0, 0.0], [0.0, 9.0]])[None, None] * stride**2
    heatmap = codec.encode(torch.tensor([[[pixel, pixel]]]), covariance, (16, 16))[0, 0]
    assert heatmap[int(cell), int(cell)] == 1
    # one cell beside the peak: exp(-1 / (2 * 4)) along x, exp(-1 / (2 * 9)) along y
    assert heatmap[int(cell), int(cell) + 1] == pytest.approx(0.8825, abs=1e-4)
    assert heatmap[int(cell) + 1, int(cell)] == pytest.approx(0.9460, abs=1e-4)
    keypoint, score, decoded = (values[0, 0] for values in codec.decode(heatmap[None, None]))
    assert keypoint.tolist() == pytest.approx([pixel, pixel], abs=0.01) and score == 1
    torch.testing.assert_close(decoded, covariance[0, 0], rtol=0.01, atol=0.01)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 4]),
    st.sampled_from([0.0, 0.5]),
    st.tuples(st.floats(20, 35), st.floats(20, 35)),
    st.tuples(st.floats(0.7, 4), st.floats(0.7, 4), st.floats(-1.5, 1.5)),
)
def test_decode_undoes_encode(stride, pixel_offset, point, sigmas):
    codec = build(stride, pixel_offset=pixel_offset)
    keypoints = stride * torch.tensor([[point]])
    covariance = stride**2 * from_sigmas(*torch.tensor(sigmas))[None, None]
    decoded, _, decoded_covariance = codec.decode(codec.encode(keypoints, covariance, (56, 56)))
    assert torch.linalg.vector_norm(decoded - keypoints) < 0.02 * stride
    assert torch.linalg.matrix_norm(decoded_covariance - covariance) < 0.01 * torch.linalg.matrix_norm(covariance)


def test_mirrored_input_has_the_mirrored_heatmap(generator):
    keypoints = torch.rand(2, 5, 2, generator=generator) * torch.tensor([96.0, 128.0])
    covariance = from_sigmas(*(4 + 12 * torch.rand(3, 2, 5, generator=generator)).unbind())
    mirrored = torch.stack((95 - keypoints[..., 0], keypoints[..., 1]), dim=-1)
    heatmaps = build().encode(keypoints, covariance, (32, 24))
    torch.testing.assert_close(
        build().encode(mirrored, mirror(covariance), (32, 24)), heatmaps.flip(-1), rtol=0, atol=1e-5
    )


def test_energy_is_the_sum_of_squares_over_cells():
    covariance = from_sigmas(*torch.tensor([12.0, 7.0, 0.6]))[None, None]
    for stride in (1, 2, 4):
        codec = build(stride)
        heatmap = codec.encode(torch.tensor([[[63.0, 62.0]]]), covariance, (128 // stride, 128 // stride))
        assert heatmap.square().sum().item() == pytest.approx(codec.target_energy(covariance).item(), rel=5e-3)


def test_gradients_reach_points_and_covariances_through_encode_and_decode():
    keypoints = torch.tensor([[[30.0, 31.0]]], requires_grad=True)
    covariance = from_sigmas(*torch.tensor([9.0, 6.0, 0.5]))[None, None].requires_grad_()
    points, _, covariances = build().decode(build().encode(keypoints, covariance, (16, 16)))
    (gradient,) = torch.autograd.grad(points[0, 0, 0], keypoints, retain_graph=True)
    torch.testing.assert_close(gradient, torch.tensor([[[1.0, 0.0]]]), rtol=0, atol=0.02)
    (gradient,) = torch.autograd.grad(covariances[0, 0, 0, 0], covariance)
    torch.testing.assert_close(gradient[0, 0, 0, 0], torch.tensor(1.0), rtol=0, atol=0.05)


def test_targets_are_exact_under_autocast():
    codec, keypoints = AnisotropicHeatmap(dict(type='LearnedCovariance', sigma=8), num_keypoints=1), torch.rand(2, 1, 2)
    plain = codec.encode(30 * keypoints, codec.target_covariance(keypoints, (64, 64)), (16, 16))
    with torch.autocast('cpu', torch.bfloat16):
        under = codec.encode(30 * keypoints, codec.target_covariance(keypoints, (64, 64)), (16, 16))
    assert under.dtype == torch.float32 and torch.equal(under, plain)


def test_source_is_built_from_its_config():
    assert isinstance(build().covariance, FixedCovariance) and build().penalty() is None
    codec = AnisotropicHeatmap(dict(type='LearnedCovariance', sigma=8), num_keypoints=3)
    assert isinstance(codec.covariance, LearnedCovariance) and codec.covariance.cholesky.shape == (3, 3)
    assert codec.penalty().item() == pytest.approx(codec.covariance.alpha)
    assert codec.target_covariance(torch.zeros(2, 3, 2), (64, 48)).shape == (2, 3, 2, 2)


def test_errors():
    with pytest.raises(ValueError, match=r'input_size \(190, 256\) is not a multiple of stride 4'):
        build(input_size=[190, 256])
    with pytest.raises(KeyError, match='NoSuchCovariance'):
        AnisotropicHeatmap(dict(type='NoSuchCovariance'))
    with pytest.raises(ValueError, match='2 standard deviations for 3 keypoints'):
        KEYPOINT_CODECS.build(
            dict(type='AnisotropicHeatmap', covariance=dict(type='FixedCovariance', sigma=[1, 2]), num_keypoints=3)
        )


@pytest.mark.parametrize('cell, sigma', [(None, 0.75), (4, 3.0)])
def test_cell_of_interpolated_maps_is_said_by_the_source(mmpose_scope, cell, sigma):
    source = dict(type='FixedCovariance', relative_sigma=0.001) | (dict(cell=cell) if cell else {})
    codec = KEYPOINT_CODECS.build(dict(type='AnisotropicHeatmap', covariance=source, stride=1))
    covariance = codec.target_covariance(torch.zeros(1, 1, 2), (128, 128))[0, 0]
    torch.testing.assert_close(covariance, sigma**2 * torch.eye(2))
