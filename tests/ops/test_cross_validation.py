"""What a map is worth on images that it was not fitted to, and the kind that is chosen by it."""

import math

import pytest
import torch

from hybridkp.ops.calibration import KINDS, Calibration, calibrate, constant_covariance, fit
from hybridkp.ops.covariance import from_sigmas
from hybridkp.ops.cross_validation import choose, cross_validate, fold_numbers

K = 6


def draw(truth, generator, count=300):
    """Draw errors that a map makes right, predictions and weights."""
    sigmas = (0.5 * torch.randn(2, count, K, generator=generator, dtype=torch.double)).exp()
    covariances = from_sigmas(*sigmas, math.pi * torch.rand(count, K, generator=generator, dtype=torch.double))
    noise = torch.randn(count, K, 2, 1, generator=generator, dtype=torch.double)
    errors = (torch.linalg.cholesky(calibrate(covariances, truth)) @ noise)[..., 0]
    return errors, covariances, torch.ones(count, K)


def truths(generator):
    log_scale = 0.5 * torch.randn(K, generator=generator, dtype=torch.double) + 0.7
    factor = torch.randn(K, 2, 2, generator=generator, dtype=torch.double)
    plain = Calibration.identity(K)._replace(log_scale=log_scale)
    return dict(
        identity=Calibration.identity(K),
        scale=plain,
        affine=plain._replace(exponent=torch.tensor(2.0)),
        additive=plain._replace(offset=4 * factor @ factor.mT),
        constant=plain._replace(exponent=torch.tensor(0.0), offset=factor @ factor.mT),
    )


@pytest.mark.parametrize('kind', ['identity', *KINDS])
def test_the_true_kind_is_chosen(kind, generator):
    data = draw(truths(generator)[kind], generator)
    chosen, table = choose(*data, fold_numbers(torch.arange(300), 5))
    assert chosen == kind and list(table) == ['identity', 'constant', *KINDS]
    assert min(table, key=table.get) == kind and all(map(math.isfinite, table.values()))


def test_constant_is_in_the_table_but_not_chosen(generator):
    data = draw(truths(generator)['constant'], generator)
    chosen, table = choose(*data, fold_numbers(torch.arange(300), 5))
    assert chosen in ('affine', 'additive') and table['constant'] < table['identity'] - 0.1


def test_losses_are_the_mean_over_labels(generator):
    errors, covariances, weights = draw(Calibration.identity(K), generator, 40)
    weights[::3] = 0
    errors[::3] = math.nan
    known = weights > 0
    law = torch.distributions.MultivariateNormal(torch.zeros(2).double(), covariances[known])
    _, table = choose(errors, covariances, weights, fold_numbers(torch.arange(40), 4))
    assert table['identity'] == pytest.approx(-law.log_prob(errors[known]).mean().item())


def test_each_fold_is_mapped_without_itself(generator):
    errors, covariances, weights = draw(Calibration.identity(K), generator, 12)
    folds = fold_numbers(torch.arange(12), 3)
    mapped = cross_validate(errors, covariances, weights, 'scale', folds)
    constant = cross_validate(errors, covariances, weights, 'constant', folds)
    for fold in range(3):
        rest = folds != fold
        without = fit(errors[rest], covariances[rest], weights[rest], 'scale')
        torch.testing.assert_close(mapped[~rest], calibrate(covariances[~rest], without))
        wanted = constant_covariance(errors[rest], weights[rest])
        torch.testing.assert_close(constant[~rest], wanted.expand(4, K, 2, 2))
    changed = errors.clone()
    changed[folds == 1] *= 100
    again = cross_validate(changed, covariances, weights, 'scale', folds)
    assert torch.equal(again[folds == 1], mapped[folds == 1]) and not torch.equal(again, mapped)


def test_an_image_is_in_one_fold():
    groups = torch.tensor([7, 7, 3, 9, 3, 11, 20, 7])
    folds = fold_numbers(groups, 2)
    assert folds.tolist() == [1, 1, 0, 0, 0, 1, 0, 1]
    assert fold_numbers(groups, 5).max() == 4 and fold_numbers(groups, 50).max() == 4
    with pytest.raises(ValueError, match='needs two folds and two images, got 5 and 1'):
        fold_numbers(torch.zeros(3), 5)
