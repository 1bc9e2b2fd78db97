"""Learned covariances: where they start, what bounds them, what they learn."""

import math

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS

from hybridkp.codecs import LearnedCovariance
from hybridkp.ops.covariance import from_sigmas, to_sigmas

pytestmark = pytest.mark.usefixtures('mmpose_scope')
KEYPOINTS = torch.zeros(2, 4, 2)


def build(**options):
    return KEYPOINT_CODECS.build(dict(type='LearnedCovariance', num_keypoints=4, **options))


def test_starts_as_the_given_width():
    torch.testing.assert_close(build(sigma=3)(KEYPOINTS, (64, 64)), (9 * torch.eye(2)).expand(2, 4, 2, 2))
    torch.testing.assert_close(
        build(relative_sigma=0.1, floor=0.2)(KEYPOINTS, (80, 20)), (16 * torch.eye(2)).expand(2, 4, 2, 2)
    )
    widths = build(sigma=[1, 2, 3, 4])(KEYPOINTS, (64, 64))[0, :, 0, 0]
    assert widths.tolist() == pytest.approx([1, 4, 9, 16])


@pytest.mark.parametrize('floor', [0.1, 0.5, 0.9])
@pytest.mark.parametrize('scale', [0, 1e-3, 1, 30])
def test_no_axis_is_shorter_than_the_floor(floor, scale, generator):
    source = build(sigma=3, floor=floor).double()
    for _ in range(20):
        source.cholesky.data = scale * torch.randn(4, 3, generator=generator, dtype=torch.float64)
        covariances = source(KEYPOINTS, (64, 64))
        torch.testing.assert_close(covariances, covariances.mT)
        assert (torch.linalg.eigvalsh(covariances) >= (floor * 3) ** 2 * (1 - 1e-6) - 1e-9).all()
        assert source.penalty().item() >= source.alpha * floor**2 * (1 - 1e-6)


def test_shape_and_penalty_by_hand():
    source = build(sigma=10, floor=0.5, alpha=0.1)
    assert source.penalty().item() == pytest.approx(0.1)
    source.cholesky.data = torch.tensor([[1.0, 2.0, 3.0]]).repeat(4, 1)
    # L L^T = [[1, 2], [2, 13]], with the floor [[1.25, 2], [2, 13.25]], of determinant 12.5625
    wanted = torch.tensor([[1.25, 2.0], [2.0, 13.25]])
    torch.testing.assert_close(source.shapes(), wanted.expand(4, 2, 2))
    torch.testing.assert_close(source(KEYPOINTS, (64, 64)), (100 * wanted).expand(2, 4, 2, 2))
    assert source.penalty().item() == pytest.approx(0.1 * math.sqrt(12.5625))


def test_isotropic_learns_a_width_only():
    source = build(sigma=2, floor=0.5, isotropic=True)
    torch.testing.assert_close(source(KEYPOINTS, (64, 64)), (4 * torch.eye(2)).expand(2, 4, 2, 2))
    assert source.cholesky.shape == (4, 1)
    source.cholesky.data = torch.tensor([[0.0], [1.0], [-2.0], [3.0]])
    wanted = torch.tensor([0.25, 1.25, 4.25, 9.25])[:, None, None] * torch.eye(2)
    torch.testing.assert_close(source.shapes(), wanted)
    source.penalty().backward()
    assert source.cholesky.grad[1:].all()


def test_penalty_does_not_depend_on_the_unit():
    assert build(sigma=1).penalty().item() == pytest.approx(build(relative_sigma=0.2).penalty().item())


def test_gradients_are_those_of_finite_differences_and_reach_every_parameter(generator):
    source = build(sigma=3).double()

    def both(cholesky):
        covariances = torch.func.functional_call(source, {'cholesky': cholesky}, (KEYPOINTS.double(), (64, 64)))
        return covariances, covariances.square().mean()

    value = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(both, value)
    (source(KEYPOINTS, (64, 64)) * torch.tensor([[1.0, 0.3], [0.3, -2.0]])).sum().backward()
    assert (source.cholesky.grad.abs() > 0).all()


def test_state_dict_holds_what_was_learned():
    source, other = build(sigma=3), build(sigma=3)
    source.cholesky.data.normal_()
    assert list(source.state_dict()) == ['cholesky']
    other.load_state_dict(source.state_dict())
    assert torch.equal(source(KEYPOINTS, (9, 9)), other(KEYPOINTS, (9, 9)))


@pytest.mark.parametrize('floor', [0, 1, -0.5, 2])
def test_floor_lies_between_0_and_1(floor):
    with pytest.raises(ValueError, match=f'floor must lie between 0 and 1, got {floor}'):
        build(sigma=3, floor=floor)


def test_number_of_keypoints_is_needed():
    with pytest.raises(ValueError, match='needs num_keypoints'):
        LearnedCovariance(sigma=3)
    with pytest.raises(ValueError, match='3 standard deviations for 4 keypoints'):
        build(sigma=[1, 2, 3])


def test_learns_the_direction_in_which_labels_scatter(make_samples, generator):
    """The best heatmap of scattered labels is their density; its target grows along the scatter and not across."""
    noise_angles = torch.tensor([0.0, 0.6, -0.9, math.pi / 2])
    noise = torch.linalg.cholesky(from_sigmas(torch.full((4,), 4.0), torch.full((4,), 0.8), noise_angles))
    covariance = dict(type='LearnedCovariance', sigma=3.0)
    head = MODELS.build(
        dict(
            type='GaussianHeatmapHead',
            in_channels=1,
            num_keypoints=4,
            codec=dict(type='AnisotropicHeatmap', stride=1, covariance=covariance),
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
        )
    )
    head.final_layer = torch.nn.Identity()  # the heatmaps themselves are learned
    heatmaps = torch.nn.Parameter(torch.zeros(1, 4, 40, 40))
    groups = [dict(params=[heatmaps], lr=0.05), dict(params=head.codec.parameters(), lr=0.02)]
    optimizer = torch.optim.Adam(groups)
    for _ in range(150):
        scatter = (noise @ torch.randn(8, 4, 2, 1, generator=generator)).squeeze(-1)
        samples = make_samples(20 + scatter, torch.ones(8, 4), (40, 40))
        losses = head.loss((heatmaps.expand(8, -1, -1, -1),), samples)
        optimizer.zero_grad()
        (losses['loss_keypoint'] + losses['loss_covariance']).backward()
        optimizer.step()
    with torch.no_grad():
        sigma1, sigma2, angle = to_sigmas(head.codec.target_covariance(torch.zeros(1, 4, 2), (40, 40))[0])
    turned = torch.remainder(angle - noise_angles + math.pi / 2, math.pi) - math.pi / 2
    assert turned.abs().max() < math.radians(6)
    assert (sigma1 / sigma2 > 2).all() and losses['loss_keypoint'] < 0.5
