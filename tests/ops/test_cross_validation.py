"""What a map is worth on images that it was not fitted to, and the kind that is chosen by it."""

import math

import pytest
import torch

from hybridkp.ops.calibration import (
    KINDS,
    Calibration,
    calibrate,
    constant_covariance,
    fit,
)
from hybridkp.ops.covariance import from_sigmas
from hybridkp.ops.cross_validation import (
    choose,
    cross_validate,
    fold_factor,
    fold_numbers,
    gross_errors,
    left_out_factors,
)

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


def test_gross_errors_do_not_choose(generator):
    """As where a left paw is taken for the right one: likelihood then prefers what is wide."""
    truth = Calibration.identity(K)._replace(log_scale=torch.full((K,), -3.0).double())
    errors, covariances, weights = draw(truth, generator)
    swapped = torch.rand(300, K, generator=generator) < 0.04
    errors[swapped] += 30
    folds = fold_numbers(torch.arange(300), 5)
    chosen, table = choose(errors, covariances, weights, folds)
    assert chosen == 'additive' and table['scale'] > table['constant'] + 1
    chosen, table = choose(errors, covariances, weights, folds, trim=True)
    assert chosen == 'scale' and table['scale'] < min(table['identity'], table['constant']) - 0.3
    gross = gross_errors(errors, covariances, weights, folds)
    assert gross[swapped].all() and gross[~swapped].float().mean() < 0.1


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


def test_factors_of_folds_by_hand():
    distances, folds = torch.arange(1.0, 41.0)[:, None], torch.arange(40) // 20
    known = torch.ones(40, 1, dtype=bool)
    unit = -2 * math.log(0.5)  # half of 41 places are up to the 21st, half of a fold's 20 labels up to the 10th
    assert fold_factor(distances, known, folds, 0.5) == pytest.approx(21 / unit)
    assert fold_factor(distances, known, folds, 0.5, worst=True) == pytest.approx(30 / unit)
    known[20] = False  # of the second fold 19 are left
    assert fold_factor(distances, known, folds, 0.5, worst=True) == pytest.approx(31 / unit)
    left_out = left_out_factors(distances, known, folds, 0.5)
    assert left_out.unique_consecutive().tolist() == pytest.approx([31 / unit, 11 / unit])


def test_the_worst_fold_covers_a_new_block_more_often(generator):
    """Blocks whose errors are larger or smaller as a whole: in nine of ten the level is kept, as nine folds promise."""
    blocks, kept = torch.randn(200, 10, generator=generator).exp(), dict.fromkeys((False, True), 0)
    folds = torch.arange(9).repeat_interleave(40)
    for scales in blocks:
        distances = -2 * torch.rand(10, 40, generator=generator).log() * scales[:, None]
        for worst in kept:
            factor = fold_factor(distances[:9].reshape(-1, 1), torch.ones(360, 1, dtype=bool), folds, 0.9, worst)
            kept[worst] += bool((distances[9] / factor <= -2 * math.log(0.1)).float().mean() >= 0.9)
    assert kept[True] / 200 == pytest.approx(0.9, abs=0.06) and kept[False] / 200 < 0.75


def test_too_few_labels_for_the_level():
    with pytest.raises(ValueError, match='a level of 0.95 needs at least 38 errors, got 20'):  # two in a sample
        fold_factor(torch.ones(10, 2), torch.ones(10, 2, dtype=bool), torch.arange(10) // 5, 0.95)
    with pytest.raises(ValueError, match='a level of 0.95 needs at least 1 errors, got 0'):
        fold_factor(torch.ones(4, 1), torch.arange(4)[:, None] < 2, torch.arange(4) // 2, 0.95, worst=True)
