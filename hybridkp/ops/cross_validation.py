"""Cross-validation of calibrations: what a map is worth on images that it was not fitted to."""

import math

from torch import Tensor

from hybridkp.ops.calibration import (
    GROSS,
    KINDS,
    PRIOR,
    calibrate,
    conformal_factor,
    constant_covariance,
    fit,
    mahalanobis2,
)
from hybridkp.ops.covariance import determinant


def fold_numbers(groups: Tensor, folds: int) -> Tensor:
    """Number the samples (N,) by their folds from 0, every so-manieth group (N,), a number an image, in one fold.

    Raises:
        ValueError: if there are fewer than two folds or groups.
    """
    names, ranks = groups.unique(return_inverse=True)
    if min(len(names), folds) < 2:
        raise ValueError(f'cross-validation needs two folds and two images, got {folds} and {len(names)}')
    return ranks % min(len(names), folds)


def cross_validate(
    errors: Tensor,
    covariances: Tensor,
    weights: Tensor,
    kind: str,
    folds: Tensor,
    prior: float = PRIOR,
    trim: bool = False,
) -> Tensor:
    """Map each covariance by a map that was fitted without its fold; the arguments are those of `fit`.

    Args:
        errors: (N, K, 2) px.
        covariances: (N, K, 2, 2) px^2.
        weights: (N, K).
        kind: as in `fit`, or ``'constant'`` for `constant_covariance`.
        folds: (N,), see `fold_numbers`.
        prior: the number of pseudo samples.
        trim: whether to fit without the least likely errors.

    Returns:
        Covariances (N, K, 2, 2), in double precision.
    """
    mapped = covariances.double().clone()
    for fold in folds.unique():
        out, rest = folds == fold, folds != fold
        if kind == 'constant':
            mapped[out] = constant_covariance(errors[rest], weights[rest], prior, trim)
        else:
            mapped[out] = calibrate(mapped[out], fit(errors[rest], covariances[rest], weights[rest], kind, prior, trim))
    return mapped


def gross_errors(errors: Tensor, covariances: Tensor, weights: Tensor, folds: Tensor, prior: float = PRIOR) -> Tensor:
    """Tell (N, K) which errors are gross, as swaps are: less likely than one in a thousand.

    Likely under the other folds' trimmed `constant_covariance`: what counts as gross does not depend on the
    prediction. The arguments are those of `cross_validate`.
    """
    typical = cross_validate(errors, covariances, weights, 'constant', folds, prior, trim=True)
    return (weights > 0) & (mahalanobis2(errors.double(), typical) >= GROSS)


def choose(
    errors: Tensor,
    covariances: Tensor,
    weights: Tensor,
    folds: Tensor,
    prior: float = PRIOR,
    trim: bool = False,
) -> tuple[str, dict[str, float]]:
    """Choose the kind of map whose mean negative log-likelihood, cross-validated, is the smallest.

    The arguments are those of `cross_validate`; with `trim` the likelihood is that of all but the `gross_errors`.

    Returns:
        The kind, ``'identity'`` or one of `KINDS`, and the table of all of them with ``'constant'``, in nats a label.
    """
    counted = weights * ~gross_errors(errors, covariances, weights, folds, prior) if trim else weights
    table, known = {}, counted > 0
    for kind in ('identity', 'constant', *KINDS):
        mapped = cross_validate(errors, covariances, weights, kind, folds, prior, trim)[known]
        losses = (mahalanobis2(errors[known].double(), mapped) + determinant(mapped).log()) / 2 + math.log(2 * math.pi)
        table[kind] = float((counted[known] * losses).sum() / counted.sum())
    return min(('identity', *KINDS), key=table.get), table


def fold_factor(distances: Tensor, known: Tensor, folds: Tensor, level: float, worst: bool = False) -> float:
    """Return the conformal factor of all labels, or the largest of those of the folds, see `conformal_factor`.

    Where labellers' habits drift, images are not exchangeable, but blocks of consecutive images may be. The factor that
    a fold needs is that after which the ellipses hold the level's share of its own labels; of n such folds and a new
    block, the probability that the new one needs a larger factor than all others is 1 / (n + 1).

    Args:
        distances: (N, K), squared.
        known: (N, K), where there is a label; those of a sample depend on each other.
        folds: (N,), the samples' folds.
        level: the share of labels that the ellipses should hold.
        worst: whether the factor is the largest of any fold.

    Raises:
        ValueError: if the level is none, or if there are too few labels for it.
    """
    parts = [folds == fold for fold in folds.unique()] if worst else [folds >= 0]
    together = 0 if worst else int(known.sum(dim=1).max())
    return max(conformal_factor(distances[part][known[part]], level, together) for part in parts)


def left_out_factors(distances: Tensor, known: Tensor, folds: Tensor, level: float, worst: bool = False) -> Tensor:
    """Return for each sample (N,) the `fold_factor` of the other folds; the arguments are those of `fold_factor`."""
    factors = distances.new_ones(len(distances))
    for fold in folds.unique():
        others = folds != fold
        factors[~others] = fold_factor(distances[others], known[others], folds[others], level, worst)
    return factors
