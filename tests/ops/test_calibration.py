"""Maps of covariances: what is true comes back, few samples change little, and every result is a covariance."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops.calibration import (
    KINDS,
    Calibration,
    calibrate,
    conformal_factor,
    constant_covariance,
    fit,
    mahalanobis2,
)
from hybridkp.ops.covariance import determinant, from_sigmas

K = 4
LOG_SCALE = torch.tensor([-1.0, 0.0, 0.5, 1.5]).double()


def draw_predictions(count, generator, keypoints=K):
    """Draw covariances (N, K, 2, 2) as a network may predict them."""
    sigmas = (0.4 * torch.randn(2, count, keypoints, generator=generator, dtype=torch.double)).exp()
    return from_sigmas(*sigmas, math.pi * torch.rand(count, keypoints, generator=generator, dtype=torch.double))


def draw_errors(covariances, generator):
    """Draw errors (N, K, 2) that have the covariances."""
    noise = torch.randn(*covariances.shape[:-1], 1, generator=generator, dtype=torch.double)
    return (torch.linalg.cholesky(covariances) @ noise)[..., 0]


def make_map(log_scale=LOG_SCALE, exponent=1.0, offset=None, conformal=1.0):
    offset = torch.zeros(len(log_scale), 2, 2) if offset is None else offset
    return Calibration(log_scale, torch.tensor(exponent), offset, torch.tensor(conformal))


def example(truth, generator, count=2000):
    """Draw predictions and errors that a map makes right, and weights; gives what `fit` takes."""
    covariances = draw_predictions(count, generator, len(truth.log_scale))
    errors = draw_errors(calibrate(covariances, truth), generator)
    return errors, covariances, torch.ones(errors.shape[:2])


def offsets(generator, keypoints=K):
    factor = torch.randn(keypoints, 2, 2, generator=generator, dtype=torch.double)
    return factor @ factor.mT


def test_map_by_hand():
    covariances = torch.diag(torch.tensor([16.0, 4.0])).expand(3, 2, 2, 2)
    offset = torch.tensor([[[1.0, 0.5], [0.5, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    mapped = calibrate(covariances, make_map(torch.tensor([0.0, math.log(2)]), 0.5, offset, 3.0))
    wanted = 3 * torch.tensor([[[5.0, 0.5], [0.5, 4.0]], [[8.0, 0.0], [0.0, 4.0]]])
    torch.testing.assert_close(mapped, wanted.expand(3, 2, 2, 2))


def test_identity_and_powers(generator):
    covariances = draw_predictions(20, generator)
    torch.testing.assert_close(calibrate(covariances, Calibration.identity(K)), covariances)
    for exponent, wanted in ((2.0, covariances @ covariances), (0.0, torch.eye(2).double().expand(20, K, 2, 2))):
        torch.testing.assert_close(calibrate(covariances, make_map(torch.zeros(K), exponent)), wanted)
    assert calibrate(covariances.float(), make_map()).dtype == torch.float32


def test_distances_by_hand():
    covariance = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    # the inverse is [[2, -1], [-1, 2]] / 3
    errors = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.0, 1.0], [1.0, -1.0]])
    torch.testing.assert_close(mahalanobis2(errors, covariance.expand(4, 2, 2)), torch.tensor([0, 6, 2 / 3, 2]))


@settings(deadline=None, max_examples=200)
@given(
    log_sigma=st.tuples(*[st.floats(-3, 5)] * 2),
    angle=st.floats(-4, 4),
    log_scale=st.floats(-6, 6),
    exponent=st.floats(0.01, 3),
    cholesky=st.tuples(*[st.floats(-30, 30)] * 3),
    double=st.booleans(),
)
def test_results_are_positive_definite(log_sigma, angle, log_scale, exponent, cholesky, double):
    values = torch.tensor([*log_sigma, angle], dtype=torch.double)
    covariance = from_sigmas(values[0].exp(), values[1].exp(), values[2]).to(torch.double if double else torch.float32)
    lower = torch.tensor([[cholesky[0], 0], [cholesky[1], cholesky[2]]], dtype=torch.double)
    for offset in (torch.zeros(2, 2), lower @ lower.mT / 100):
        mapped = calibrate(covariance[None], make_map(torch.tensor([log_scale]), exponent, offset[None]))
        assert mapped.isfinite().all() and torch.equal(mapped, mapped.mT)
        if not offset.any():
            assert (torch.linalg.eigvalsh(mapped.double()) > 0).all() and (determinant(mapped.double()) > 0).all()
        else:  # a singular offset that is far greater than the rest is singular to rounding
            assert torch.linalg.eigvalsh(mapped.double()).min() > -1e-6 * mapped.max()


def test_wrong_factor_is_found(generator):
    errors, covariances, weights = example(make_map(torch.zeros(K)), generator)
    for kind in KINDS:
        mapped = calibrate(4 * covariances, fit(errors, 4 * covariances, weights, kind))
        ratio = (determinant(mapped) / determinant(covariances)).sqrt()
        assert ratio.mean().item() == pytest.approx(1, abs=0.03) and (ratio - 1).abs().max() < 0.3
    fitted = fit(errors, 4 * covariances, weights, 'scale')
    torch.testing.assert_close(fitted.log_scale.exp(), torch.full((K,), 0.25).double(), rtol=0.07, atol=0)
    assert fitted.exponent == 1 and not fitted.offset.any() and fitted.conformal == 1


def test_factor_of_each_keypoint_is_found(generator):
    data = example(make_map(), generator)
    torch.testing.assert_close(fit(*data, 'scale').log_scale, LOG_SCALE, rtol=0, atol=0.1)
    # without pseudo samples nearly the mean of half the squared distance
    mean = (mahalanobis2(*data[:2]).mean(dim=0) / 2).log()
    torch.testing.assert_close(fit(*data, 'scale', prior=1e-6).log_scale, mean)


@pytest.mark.parametrize('exponent', [0.4, 1.8])
def test_exponent_is_found(exponent, generator):
    fitted = fit(*example(make_map(exponent=exponent), generator), 'affine')
    assert fitted.exponent.item() == pytest.approx(exponent, abs=0.05)
    torch.testing.assert_close(fitted.log_scale, LOG_SCALE, rtol=0, atol=0.1)


def test_offset_is_found(generator):
    truth = make_map(LOG_SCALE, offset=2 * offsets(generator))
    fitted = fit(*example(truth, generator, 8000), 'additive')
    scale = truth.offset.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[:, None, None]
    assert ((fitted.offset - truth.offset) / scale).abs().max() < 0.15
    torch.testing.assert_close(fitted.log_scale, LOG_SCALE, rtol=0, atol=0.3)


def test_a_constant_is_a_limit_of_the_additive_kind(generator):
    truth = offsets(generator) + 0.5 * torch.eye(2)
    errors, weights = draw_errors(truth.expand(2000, K, 2, 2), generator), torch.ones(2000, K)
    covariances = draw_predictions(2000, generator)  # which say nothing
    mapped = calibrate(covariances, fit(errors, covariances, weights, 'additive'))
    wanted = constant_covariance(errors, weights)
    spread = (mapped - wanted).flatten(-2).norm(dim=-1) / wanted.flatten(-2).norm(dim=-1)
    assert spread.mean() < 0.08


def test_a_keypoint_with_few_labels_follows_the_others(generator):
    errors, covariances, weights = example(make_map(torch.zeros(K)), generator, 200)
    errors, weights = 3 * errors, weights.clone()
    errors[:, 0] *= 3
    weights[3:, 0] = 0
    weights[:, 1] = 0
    errors[:, 1] = math.nan
    common = math.log(9)
    for kind in KINDS:
        mapped = calibrate(covariances, fit(errors, covariances, weights, kind, prior=30))
        ratio = (determinant(mapped) / determinant(covariances)).sqrt().log().mean(dim=0)
        assert (ratio[1:] - common).abs().max() < 0.2 and common + 0.3 < ratio[0] < common + 1
    weak, strong = (fit(errors, covariances, weights, 'scale', prior).log_scale for prior in (0.01, 1000))
    assert weak[0] > common + 1 and abs(strong[0] - common) < 0.3
    torch.testing.assert_close(weak[1:2], torch.tensor([common]).double(), rtol=0, atol=0.3)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('count', [1, 2, 5])
def test_few_samples_give_something_finite(kind, count, generator):
    errors, covariances, weights = example(make_map(torch.zeros(K)), generator, count)
    for scale in (1, 0):  # errors of nothing are no reason to fail either
        fitted = fit(scale * errors, covariances, weights, kind)
        assert all(value.isfinite().all() for value in fitted)
        assert (determinant(calibrate(covariances, fitted)) > 0).all()
    fitted = fit(errors, covariances, weights, kind)
    ratio = determinant(calibrate(covariances, fitted)) / determinant(covariances)
    assert ratio.sqrt().log().abs().max() < 3


def test_gradients_are_not_needed_and_data_stay_as_they_are(generator):
    data = [values.float() for values in example(make_map(), generator, 50)]
    before = [values.clone() for values in data]
    with torch.no_grad():
        fitted = fit(*data, 'additive')
    assert all(value.dtype == torch.double and not value.requires_grad for value in fitted)
    assert all(torch.equal(a, b) for a, b in zip(before, data, strict=True))
    again = fit(*data, 'additive')
    assert all(torch.equal(a, b) for a, b in zip(fitted, again, strict=True))


def test_trimming_leaves_gross_errors_out(generator):
    errors, covariances, weights = example(make_map(torch.zeros(K)), generator, 500)
    gross = torch.where(torch.rand(500, K, generator=generator)[..., None] < 0.03, 10 * errors, errors)
    plain, trimmed = (fit(gross, covariances, weights, 'scale', trim=trim).log_scale for trim in (False, True))
    assert plain.min() > 0.5 and trimmed.abs().max() < 0.2
    torch.testing.assert_close(
        fit(errors, covariances, weights, 'scale', trim=True).log_scale,
        fit(errors, covariances, weights, 'scale').log_scale,
        rtol=0,
        atol=0.05,
    )


@pytest.mark.parametrize('seed', range(6))
def test_a_steep_map_of_large_ellipses_is_found(seed):
    """The errors of ellipses of 20 px that hardly differ grow with their fourth power, so that factor and exponent
    have to change together, unless the size is taken out first."""
    generator = torch.Generator().manual_seed(seed)
    sigmas = (0.2 * torch.randn(2, 60, K, generator=generator, dtype=torch.double)).exp()
    angles = math.pi * torch.rand(60, K, generator=generator, dtype=torch.double)
    errors, weights = draw_errors(from_sigmas(*3 * sigmas**4, angles), generator), torch.ones(60, K)
    plain, large = (fit(errors, from_sigmas(*unit * sigmas, angles), weights, 'affine') for unit in (1, 20))
    assert plain.exponent == pytest.approx(4, abs=0.5) and large.exponent == pytest.approx(
        plain.exponent.item(), abs=1e-3
    )
    shift = 2 * math.log(20) * large.exponent
    torch.testing.assert_close(large.log_scale + shift, plain.log_scale, rtol=0, atol=1e-2)


def test_what_cannot_be_fitted_is_refused():
    covariances = torch.full((3, 1, 2, 2), math.nan)
    with pytest.raises(ValueError, match="no map of kind 'affine' fits"):
        fit(torch.ones(3, 1, 2), covariances, torch.ones(3, 1), 'affine')


def test_second_moments_by_hand():
    errors = torch.tensor([[[3.0, 0.0], [math.nan, 1.0]], [[1.0, 2.0], [0.0, 4.0]]])
    weights = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    first, second = torch.tensor([[10.0, 2.0], [2.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 16.0]])  # sums
    plain = torch.stack((first / 2, second)).double()
    torch.testing.assert_close(constant_covariance(errors, weights, prior=0), plain)
    pooled = (first + second) / 3
    wanted = torch.stack(((first + 2 * pooled) / 4, (second + 2 * pooled) / 3)).double()
    torch.testing.assert_close(constant_covariance(errors, weights, prior=2.0), wanted)


def test_trimmed_second_moments_are_those_of_the_others(generator):
    errors = torch.randn(200, K, 2, generator=generator)
    gross = errors.clone()
    gross[::25] += 40
    weights = torch.ones(200, K)
    weights[::25] = 0
    wanted = constant_covariance(errors, weights, trim=True)
    torch.testing.assert_close(constant_covariance(gross, torch.ones(200, K), trim=True), wanted)
    assert constant_covariance(gross, torch.ones(200, K)).diagonal(dim1=-2, dim2=-1).min() > 30


def test_conformal_factor_by_hand():
    distances = torch.tensor([4.0, 1.0, 3.0, 2.0, 9.0, 6.0, 7.0, 8.0, 5.0])
    # of 9 the ceil(10 * 0.5) = 5th
    assert conformal_factor(distances, 0.5) == pytest.approx(5 / (2 * math.log(2)))
    assert conformal_factor(distances, 0.9) == pytest.approx(9 / (2 * math.log(10)))
    with pytest.raises(ValueError, match=r'a level of 0.95 needs at least 19 errors, got 9'):
        conformal_factor(distances, 0.95)
    with pytest.raises(ValueError, match='between 0 and 1, got 1'):
        conformal_factor(distances, 1.0)


@pytest.mark.parametrize('level', [0.5, 0.9])
@pytest.mark.parametrize('heavy', [False, True])
def test_conformal_coverage_holds_whatever_the_errors(level, heavy):
    generator, count, trials, hits = torch.Generator().manual_seed(1), 19, 4000, 0
    for _ in range(trials):
        distances = 3 * torch.randn(count + 1, 2, generator=generator).square().sum(dim=-1)
        distances = distances**3 if heavy else distances
        hits += float(distances[-1] / conformal_factor(distances[:-1], level) <= -2 * math.log(1 - level) * (1 + 1e-6))
    error = 3 * math.sqrt(level * (1 - level) / trials)
    assert level - error <= hits / trials <= level + 1 / (count + 1) + error


def test_conformal_coverage_holds_for_labels_that_depend_on_each_other_within_an_image():
    """Errors of an image are large or small together: with ten images as with many, on average the level is held."""
    generator, images, labels, trials = torch.Generator().manual_seed(1), 10, 8, 4000
    shares = []
    for _ in range(trials):
        scales = torch.randn(images + 1, 1, generator=generator).exp()
        distances = scales * torch.randn(images + 1, labels, 2, generator=generator).square().sum(dim=-1)
        factor = conformal_factor(distances[:-1].flatten(), 0.8, labels)
        shares.append((distances[-1] / factor <= -2 * math.log(0.2) * (1 + 1e-6)).float().mean())
    shares = torch.stack(shares)
    error = 3 * float(shares.std()) / math.sqrt(trials)
    assert 0.8 - error <= float(shares.mean()) <= 0.8 + 1 / (images + 1) + error
    with pytest.raises(ValueError, match='a level of 0.95 needs at least 152 errors, got 80'):
        conformal_factor(torch.ones(80), 0.95, labels)


def test_mistakes_are_refused(generator):
    data = example(make_map(), generator, 5)
    with pytest.raises(ValueError, match="kind is one of identity, scale, affine, additive, not 'linear'"):
        fit(*data, 'linear')
    with pytest.raises(ValueError, match='needs labels, got none'):
        fit(data[0], data[1], 0 * data[2], 'scale')
    with pytest.raises(ValueError, match='positive number of pseudo samples, not 0'):
        fit(*data, 'scale', prior=0)
    with pytest.raises(ValueError, match=r'weights \(5, 4\) go with errors \(5, 4, 2\)'):
        fit(data[0][:, :3], *data[1:], 'scale')
    with pytest.raises(ValueError, match='needs labels, got none'):
        constant_covariance(data[0], 0 * data[2])
