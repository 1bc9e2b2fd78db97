"""The likelihoods: numbers on paper, a minimum at the true covariance, weights, outliers and awkward points."""

import math

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.ops.covariance import from_sigmas, transform

pytestmark = pytest.mark.usefixtures('mmpose_scope')
KINDS = ('gaussian', 'laplacian')
EXACT = dict(limit=1e9)


def build(kind='gaussian', **options):
    return MODELS.build(dict(type='CovarianceLikelihood', kind=kind, **options))


def one(loss, error, covariance):
    """The loss of one keypoint."""
    error, covariance = (torch.as_tensor(value, dtype=torch.float64) for value in (error, covariance))
    return loss(error[None, None], covariance[None, None], torch.ones(1, 1))


def draw(kind, covariance, count, generator):
    """Draw errors (1, count, 2) of a covariance (2, 2): a radius of the kind in a random direction, mapped."""
    # the Laplacian's radius has the density 3 r exp(-sqrt(3) r): the sum of two exponential ones of rate sqrt(3)
    uniform = torch.rand(3, count, generator=generator, dtype=torch.float64).clamp(min=1e-12)
    gaussian, laplacian = (-2 * uniform[0].log()).sqrt(), -uniform[:2].log().sum(dim=0) / math.sqrt(3)
    radius, angle = gaussian if kind == 'gaussian' else laplacian, 2 * math.pi * uniform[2]
    round_errors = radius[:, None] * torch.stack((angle.cos(), angle.sin()), dim=-1)
    return (round_errors @ torch.linalg.cholesky(covariance).T)[None]


def covariance_of(sigma1, sigma2, degrees):
    values = (torch.tensor(float(value), dtype=torch.float64) for value in (sigma1, sigma2, math.radians(degrees)))
    return from_sigmas(*values)


def inputs(generator, batch=2, keypoints=3):
    errors = torch.randn(batch, keypoints, 2, generator=generator, dtype=torch.float64)
    sigmas = 1 + torch.rand(3, batch, keypoints, generator=generator, dtype=torch.float64)
    return errors, from_sigmas(*sigmas), torch.rand(batch, keypoints, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    'error, covariance, gaussian, laplacian',
    [
        ([0, 0], [[1, 0], [0, 1]], math.log(2 * math.pi), math.log(2 * math.pi / 3)),
        # m = (9 + 16) / 25 = 1
        ([3, 4], [[25, 0], [0, 25]], math.log(50 * math.pi) + 0.5, math.log(50 * math.pi / 3) + math.sqrt(3)),
        # det = 3 and S^-1 = [[2, 1], [1, 2]] / 3, so that m = 6 / 3 = 2 of (1, 1), and 2 / 3 of (1, -1)
        (
            [1, 1],
            [[2, -1], [-1, 2]],
            math.log(2 * math.pi * math.sqrt(3)) + 1,
            math.log(2 * math.pi / math.sqrt(3)) + math.sqrt(6),
        ),
        (
            [1, -1],
            [[2, -1], [-1, 2]],
            math.log(2 * math.pi * math.sqrt(3)) + 1 / 3,
            math.log(2 * math.pi / math.sqrt(3)) + math.sqrt(2),
        ),
    ],
)
def test_by_hand(error, covariance, gaussian, laplacian):
    # a root that has a gradient everywhere is 1e-6 at 0
    assert one(build('gaussian'), error, covariance).item() == pytest.approx(gaussian, abs=1e-12)
    assert one(build('laplacian'), error, covariance).item() == pytest.approx(laplacian, abs=2e-6)
    assert one(build(loss_weight=0.1), error, covariance).item() == pytest.approx(0.1 * gaussian)


@pytest.mark.parametrize('kind', KINDS)
def test_density_integrates_to_1_and_has_its_covariance(kind):
    covariance = covariance_of(1.5, 0.7, 30)
    axis = torch.arange(-30, 30, 0.05, dtype=torch.float64)
    errors = torch.cartesian_prod(axis, axis)
    loss = build(kind, **EXACT)
    density = (-loss._likelihoods(errors, covariance.expand(len(errors), 2, 2))).exp() * 0.05**2
    assert density.sum().item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close((density[:, None] * errors).T @ errors, covariance, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('limit', [25.0, 1e9])
def test_the_true_covariance_is_the_minimum(kind, limit, generator):
    true, count, loss = covariance_of(3, 1, 30), 200_000, build(kind, limit=limit)
    errors = draw(kind, true, count, generator)
    torch.testing.assert_close(errors[0].T @ errors[0] / count, true, rtol=0.02, atol=0.02)

    def at(covariance):
        return loss(errors, covariance.expand(1, count, 2, 2), torch.ones(1, count))

    lowest = at(true)
    for sigma1, sigma2, degrees in [(3.2, 1, 30), (2.8, 1, 30), (3, 1.1, 30), (3, 0.9, 30), (3, 1, 33), (3, 1, 27)]:
        assert at(covariance_of(sigma1, sigma2, degrees)) > lowest + 5e-4
    # the slopes along the logarithm of both axes, as of one error: their spread is at most 2
    logs = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (at(transform(true, torch.diag(logs.exp())))).backward()
    assert (logs.grad.abs() < 4 * 2 / math.sqrt(count)).all()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('limit', [2.5, 25.0])
def test_gradients(kind, limit, generator):
    errors, covariances, weights = inputs(generator)
    assert torch.autograd.gradcheck(
        build(kind, limit=limit), (errors.requires_grad_(), covariances.requires_grad_(), weights)
    )


@pytest.mark.parametrize('kind', KINDS)
def test_mean_over_what_is_labelled(kind, generator):
    loss, (errors, covariances, _) = build(kind), inputs(generator)
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    single = torch.stack([one(loss, errors[i, k], covariances[i, k]) for i, k in weights.nonzero()])
    errors = torch.where(weights[..., None] > 0, errors, float('nan')).requires_grad_()
    covariances.requires_grad_()
    value = loss(errors, covariances, weights)
    torch.testing.assert_close(value, single.mean())
    value.backward()
    for part in (errors, covariances):
        assert part.grad.isfinite().all()
        assert (part.grad.flatten(2).abs().sum(dim=-1) > 0).equal(weights > 0)


@pytest.mark.parametrize('kind', KINDS)
def test_nothing_labelled_is_0(kind, generator):
    errors, covariances, weights = inputs(generator)
    value = build(kind)(errors.requires_grad_() * float('nan'), covariances.requires_grad_(), 0 * weights)
    value.backward()
    assert value == 0 and not covariances.grad.any()


@pytest.mark.parametrize('kind, slope', [('gaussian', 25 - 2), ('laplacian', math.sqrt(3 * 25) - 2)])
def test_far_points_pull_no_more_than_those_at_the_limit(kind, slope):
    loss = build(kind)
    slopes = []
    for distance in (4.999, 5.001, 1e2, 1e6):
        log_sigma = torch.zeros((), dtype=torch.float64, requires_grad=True)
        covariance = torch.eye(2, dtype=torch.float64) * (2 * log_sigma).exp()
        one(loss, [0.6 * distance, 0.8 * distance], covariance).backward()
        slopes.append(-log_sigma.grad.item())
    assert slopes[:2] == pytest.approx([slope] * 2, rel=2e-3)
    assert slopes[2:] == pytest.approx([slope] * 2)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_awkward_points_are_finite(kind, dtype):
    errors = torch.tensor([[0.0, 0.0], [1e-4, 0.0], [5.0, 0.0], [6e4, -6e4]], dtype=dtype)[None].requires_grad_()
    covariances = torch.tensor([[0.01, 0.0], [0.0, 1e4]], dtype=dtype).expand(1, 4, 2, 2).clone().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        value = build(kind)(errors, covariances, torch.ones(1, 4))
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert value.isfinite() and errors.grad.isfinite().all() and covariances.grad.isfinite().all()


def test_wrong_arguments_are_refused(generator):
    with pytest.raises(ValueError, match="'gaussian' or 'laplacian', not 'cauchy'"):
        build('cauchy')
    for name, value in (('limit', 2), ('limit', float('nan')), ('limit', float('inf')), ('loss_weight', -1)):
        with pytest.raises(ValueError, match=f'{name} .*{value}'):
            build(**{name: value})
    errors, covariances, weights = inputs(generator)
    with pytest.raises(ValueError, match=r'weights \(2, 3\) go with .*, not \(2, 1, 2\) and \(2, 3, 2, 2\)'):
        build()(errors[:, :1], covariances, weights)
