"""Targets from image structure: along edges, round elsewhere, of one area, turning with the image."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.registry import KEYPOINT_CODECS, MODELS

from hybridkp.codecs import TargetContext
from hybridkp.ops.covariance import area, mirror, to_sigmas, transform

pytestmark = pytest.mark.usefixtures('mmpose_scope')
CENTRE = torch.full((1, 1, 2), 30.0)


def build(**options):
    return KEYPOINT_CODECS.build(dict(type='StructureCovariance', **({'sigma': 4.0} | options)))


def covariances(images, points=CENTRE, **options):
    return build(**options)(points, images.shape[-2:], TargetContext(images=images))[0]


def edge(direction, side=61, width=1.0):
    """An image (1, 1, side, side) with a smooth edge through its centre along a direction."""
    rows, columns = torch.meshgrid(torch.arange(side) - side // 2, torch.arange(side) - side // 2, indexing='ij')
    distance = columns * -math.sin(direction) + rows * math.cos(direction)
    return torch.sigmoid(distance / width)[None, None]


def patterned(generator, side=61):
    noise = torch.randn(1, 1, side, side, generator=generator)
    return torch.nn.functional.avg_pool2d(noise, 7, stride=1, padding=3)


@pytest.mark.parametrize('angle', range(0, 180, 15))
def test_lies_along_an_edge_with_the_greatest_ratio(angle):
    long, short, found = to_sigmas(covariances(20 * edge(math.radians(angle)), max_ratio=3.0))
    turned = torch.remainder(found - math.radians(angle) + math.pi / 2, math.pi) - math.pi / 2
    assert turned.abs().max() < math.radians(1.5)
    # 4 px each way for a round target: with a ratio of 3 4 * sqrt(3) along and 4 / sqrt(3) across
    assert long.item() == pytest.approx(4 * 3**0.5, rel=0.01) and short.item() == pytest.approx(4 / 3**0.5, rel=0.01)


def test_is_round_without_structure_at_a_corner_and_on_a_blob():
    rows, columns = torch.meshgrid(torch.arange(61) - 30, torch.arange(61) - 30, indexing='ij')
    corner = ((rows > 0) & (columns > 0)).float()
    blob = torch.exp(-(rows.square() + columns.square()) / 18)
    torch.testing.assert_close(covariances(torch.full((1, 3, 61, 61), 5.0))[0], 16 * torch.eye(2))
    torch.testing.assert_close(covariances(blob[None, None])[0], 16 * torch.eye(2), rtol=1e-3, atol=1e-2)
    long, short, angle = to_sigmas(covariances(corner[None, None])[0])
    assert long / short < 1.6 and angle.abs().item() == pytest.approx(math.pi / 4, abs=0.02)


def test_a_weak_edge_counts_less():
    ratios = []
    for contrast in (1.0, 0.1, 0.03, 0.001):
        long, short, _ = to_sigmas(covariances(contrast * edge(0.5)))
        ratios.append((long / short).item())
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 2.9 and ratios[-1] < 1.01


def test_area_is_that_of_a_round_target(generator):
    points = 60 * torch.rand(1, 9, 2, generator=generator)
    torch.testing.assert_close(area(covariances(patterned(generator), points)), torch.full((9,), 16.0))
    relative = covariances(patterned(generator), points, sigma=None, relative_sigma=0.1)
    torch.testing.assert_close(area(relative), torch.full((9,), 6.1**2))
    each = covariances(patterned(generator), points[:, :2], sigma=[3.0, 5.0], num_keypoints=2)
    torch.testing.assert_close(area(each), torch.tensor([9.0, 25.0]))


def test_no_axis_is_narrower_than_the_floor():
    long, short, _ = to_sigmas(covariances(20 * edge(0.5), cell=4))
    assert short.item() == pytest.approx(3) and long.item() == pytest.approx(4 * 3**0.5, rel=0.01)


def test_turns_and_mirrors_with_the_image(generator):
    image, points = patterned(generator), 60 * torch.rand(1, 5, 2, generator=generator)
    found, x, y = covariances(image, points), *points.unbind(dim=-1)
    mirrored = covariances(image.flip(-1), torch.stack((60 - x, y), dim=-1))
    torch.testing.assert_close(mirrored, mirror(found), rtol=1e-4, atol=1e-3)
    turned = covariances(image.rot90(1, (2, 3)), torch.stack((y, 60 - x), dim=-1))
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(turned, transform(found, quarter), rtol=1e-4, atol=1e-3)


def test_grows_with_the_image():
    rows, columns = torch.meshgrid(torch.arange(61) - 30.0, torch.arange(61) - 30.0, indexing='ij')
    wide, tall = torch.meshgrid(torch.arange(121) - 60.0, torch.arange(121) - 60.0, indexing='ij')

    def ellipse(rows, columns, size):
        return torch.sigmoid(4 - (columns / 3 - rows).square().sqrt() / size - (columns / 4).abs() / size)[None, None]

    small = covariances(40 * ellipse(rows, columns, 2.0), sigma=None, relative_sigma=0.1, window=4)
    large = covariances(40 * ellipse(wide, tall, 4.0), 2 * CENTRE, sigma=None, relative_sigma=0.1, window=8)
    torch.testing.assert_close(large, small * (121 / 61) ** 2, rtol=0.1, atol=2.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(-2, 4),
    st.floats(1.01, 50),
    st.floats(0.1, 5),
    st.floats(-100, 200),
    st.integers(1, 4),
)
def test_always_positive_definite(seed, exponent, max_ratio, window, position, cell):
    images = 10**exponent * patterned(torch.Generator().manual_seed(seed), 21)
    points = torch.tensor([[[position, 10.0], [float('nan'), 0.0]]])
    found = covariances(images, points, max_ratio=max_ratio, window=window, cell=cell)
    assert torch.equal(found, found.mT) and (torch.linalg.cholesky_ex(found).info == 0).all()
    long, short, _ = to_sigmas(found.double())
    assert (long / short <= max_ratio * 1.01).all() and (short >= 0.75 * cell * (1 - 1e-3)).all()


def test_says_what_it_needs():
    with pytest.raises(ValueError, match='StructureCovariance needs images, which'):
        build()(CENTRE, (61, 61), TargetContext(weights=torch.ones(1, 1)))


@pytest.mark.parametrize('wrong', [dict(window=0), dict(flat=-1.0), dict(max_ratio=1), dict(window=math.nan)])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f'{next(iter(wrong))} must be above [01] and finite'):
        build(**wrong)


def head():
    codec = dict(type='AnisotropicHeatmap', covariance=dict(type='StructureCovariance', relative_sigma=0.05))
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    return MODELS.build(dict(type='GaussianHeatmapHead', in_channels=8, num_keypoints=3, codec=codec, loss=loss))


def test_the_head_shows_it_the_images(make_samples, generator):
    points, inputs = 96 * torch.rand(2, 3, 2, generator=generator), torch.randn(2, 1, 96, 96, generator=generator)
    samples, feats = make_samples(points, torch.ones(2, 3), (96, 96)), torch.rand(2, 8, 24, 24, generator=generator)
    assert head().loss((feats,), samples, inputs=inputs)['loss_keypoint'].isfinite()
    with pytest.raises(ValueError, match='StructureCovariance needs images'):
        head().loss((feats,), samples)


def test_a_step_needs_no_value_from_the_device(make_samples):
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (96, 96))
    feats, inputs = torch.empty(2, 8, 24, 24, device='meta'), torch.empty(2, 1, 96, 96, device='meta')
    losses = head().to('meta').loss((feats,), samples, inputs=inputs)
    assert losses['loss_keypoint'].device.type == 'meta'
