"""Targets along the limbs: on paper, turned, mirrored, scaled, and without labels."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.registry import KEYPOINT_CODECS, MODELS

from hybridkp.codecs import TargetContext
from hybridkp.ops.covariance import mirror, to_sigmas, transform

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ARM = dict(
    name='arm',
    keypoints=['shoulder', 'elbow', 'wrist', 'hat'],
    links=[('shoulder', 'elbow'), ('wrist', 'elbow')],
    sigmas=[0.1, 0.2, 0.3, 0.4],
)


def build(skeleton=ARM, **options):
    return KEYPOINT_CODECS.build(dict(dict(type='LimbCovariance', elongation=2.0), skeleton=skeleton, **options))


def covariances(points, labelled=None, area=400.0, **options):
    """Targets (K, 2, 2) of one arm (4, 2)."""
    points = torch.as_tensor(points, dtype=torch.float32)[None]
    weights = torch.ones(1, 4) if labelled is None else torch.tensor([labelled])
    context = TargetContext(weights=weights, areas=torch.tensor([area]))
    return build(**options)(points, (64, 64), context)[0]


def diagonal(*entries):
    return torch.diag(torch.tensor(entries))


def test_a_straight_arm_on_paper():
    # sqrt(area) is 20 px: 2, 4, 6 and 8 px across; along x twice that, and the hat is round
    found = covariances([[0, 5], [10, 5], [30, 5], [7, 7]])
    wanted = torch.stack((diagonal(16.0, 4.0), diagonal(64.0, 16.0), diagonal(144.0, 36.0), diagonal(64.0, 64.0)))
    torch.testing.assert_close(found, wanted)


def test_axes_have_no_sign():
    straight, folded = covariances([[0, 5], [10, 5], [30, 5], [7, 7]]), covariances([[0, 5], [10, 5], [-30, 5], [7, 7]])
    torch.testing.assert_close(straight, folded)


def test_a_bent_joint_is_rounder_and_lies_along_the_mean_axis():
    # axes at 0 and 60 degrees: their doubled angles, 0 and 120, have a mean at 60 of length 1/2
    bent = covariances([[0, 0], [10, 0], [10 + 5, 5 * 3**0.5], [7, 7]])[1]
    along, across, angle = to_sigmas(bent)
    torch.testing.assert_close(torch.stack((along.square(), across.square())), torch.tensor([16 * 2.5, 16.0]))
    assert angle.item() == pytest.approx(math.radians(30), abs=1e-5)
    right = covariances([[0, 0], [10, 0], [10, 10], [7, 7]])[1]
    torch.testing.assert_close(right, diagonal(16.0, 16.0))


def test_bones_without_a_label_do_not_count():
    points = torch.tensor([[0.0, 0.0], [10, 0], [10, 10], [7, 7]])
    torch.testing.assert_close(covariances(points, [1.0, 1.0, 0.0, 1.0])[1], diagonal(64.0, 16.0))
    torch.testing.assert_close(covariances(points, [0.0, 1.0, 1.0, 1.0])[1], diagonal(16.0, 64.0))
    alone = covariances(points, [0.0, 1.0, 0.0, 1.0])
    torch.testing.assert_close(alone[1], diagonal(16.0, 16.0))
    points[0], points[2] = float('nan'), 1e30
    assert torch.equal(covariances(points, [0.0, 1.0, 0.0, 1.0]), alone)


def test_points_at_the_same_place_have_no_direction():
    torch.testing.assert_close(covariances([[3, 3]] * 4)[1], diagonal(16.0, 16.0))
    torch.testing.assert_close(covariances([[3, 3], [3, 3], [3, 9], [0, 0]])[1], diagonal(16.0, 64.0))


def test_scale_elongation_and_the_floor():
    points = [[0, 5], [10, 5], [30, 5], [7, 7]]
    torch.testing.assert_close(covariances(points, scale=3.0), 9 * covariances(points))
    torch.testing.assert_close(covariances(points, elongation=1.0)[0], diagonal(4.0, 4.0))
    # 3/4 of a cell of 4 px: at least 3 px across the shoulder, which is 4 px along
    torch.testing.assert_close(covariances(points, cell=4)[0], diagonal(16.0, 9.0))
    torch.testing.assert_close(covariances(points, area=0.0, cell=4), diagonal(9.0, 9.0).expand(4, 2, 2))


@pytest.mark.parametrize('angle', [0.3, 1.2, 2.5, -1.0])
def test_commutes_with_turning_scaling_and_mirroring(angle, generator):
    points = 50 * torch.rand(4, 2, generator=generator)
    found = covariances(points)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    torch.testing.assert_close(covariances(points @ turn.T), transform(found, turn), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(covariances(3 * points, area=9 * 400.0), 9 * found, rtol=1e-4, atol=1e-3)
    assert torch.equal(covariances(points * torch.tensor([-1, 1])), mirror(found))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=8, max_size=8), st.floats(0, 1e6), st.floats(1, 20))
def test_always_positive_definite(values, area, elongation):
    found = covariances(torch.tensor(values).view(4, 2), area=area, elongation=elongation, cell=4)
    assert torch.equal(found, found.mT) and (torch.linalg.cholesky_ex(found).info == 0).all()
    assert (torch.linalg.eigvalsh(found.double()) >= 9 * (1 - 1e-3)).all()


def test_a_skeleton_without_links_is_round():
    points = [[0, 5], [10, 5], [30, 5], [7, 7]]
    assert not covariances(points, skeleton=ARM | dict(links=[]))[..., 0, 1].any()


def test_says_what_it_needs():
    points = torch.rand(1, 4, 2)
    with pytest.raises(ValueError, match='LimbCovariance needs weights, areas, which'):
        build()(points, (64, 64))
    with pytest.raises(ValueError, match='LimbCovariance needs areas, which'):
        build()(points, (64, 64), TargetContext(weights=torch.ones(1, 4)))


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(skeleton=dict(keypoints=['a'])), 'the skeleton has no links, sigmas'),
        (dict(skeleton=ARM | dict(sigmas=[0.1])), '1 sigmas for 4 keypoints'),
        (dict(skeleton=ARM | dict(links=[('elbow', 'knee')])), "expected a link of two .* got \\('elbow', 'knee'\\)"),
        (dict(skeleton=ARM | dict(links=[('elbow', 'elbow')])), 'expected a link of two'),
        (dict(skeleton=ARM | dict(links=['elbow'])), 'expected a link of two'),
        (dict(num_keypoints=5), 'a skeleton of 4 keypoints for 5 keypoints'),
        (dict(scale=0.0), 'must be positive and finite'),
        (dict(elongation=0.5), 'elongation must be at least 1, got 0.5'),
    ],
)
def test_mistakes_are_refused_at_construction(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_nothing_is_state_and_a_step_needs_no_value_from_the_device(make_samples):
    codec = dict(type='AnisotropicHeatmap', covariance=dict(type='LimbCovariance', skeleton=ARM))
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    head = MODELS.build(dict(type='GaussianHeatmapHead', in_channels=8, num_keypoints=4, codec=codec, loss=loss))
    assert not head.codec.state_dict()
    head = head.to('meta')
    samples = make_samples(torch.empty(2, 4, 2, device='meta'), torch.empty(2, 4, device='meta'), (96, 96))
    losses = head.loss((torch.empty(2, 8, 24, 24, device='meta'),), samples)
    assert losses['loss_keypoint'].device.type == 'meta'
