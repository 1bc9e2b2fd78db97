"""Calibration of predicted 2x2 covariances: a family of maps, fitted to the errors on labelled images.

Letters: N predictions of K keypoints. Errors (N, K, 2) are prediction minus label in px, covariances (N, K, 2, 2) px^2
were predicted with them, and weights (N, K) are 0 where a label is missing.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hybridkp.ops.covariance import determinant, inverse, keep_definite
from hybridkp.ops.static_graph import hypotenuse

KINDS = ('scale', 'affine', 'additive')
"""What a fitted map may change, see `fit`."""

PRIOR = 5.0
"""How many pseudo samples hold a keypoint's map to that of all keypoints."""

_SMALLEST = 1e-12  # px^2, of an eigenvalue
GROSS = -2 * math.log(1e-3)
"""Squared Mahalanobis distance that one Gaussian error in a thousand exceeds."""

_MAX_LOG_EXPONENT = math.log(16.0)  # beyond, a line search would overflow
_TRIMMINGS = 3  # how often a fit is repeated without the gross errors of the one before


class Calibration(NamedTuple):
    """A map of covariances: S' = conformal * (exp(log_scale) S^exponent + offset), in px^2.

    S^exponent raises the eigenvalues to a power and keeps their directions. Of every positive definite S the map is
    positive definite, if the offset has no negative eigenvalue and conformal is positive.

    Attributes:
        log_scale: (K,).
        exponent: scalar, of all keypoints.
        offset: (K, 2, 2) px^2: the part of the error that the prediction does not know of.
        conformal: scalar, of all keypoints.
    """

    log_scale: Tensor
    exponent: Tensor
    offset: Tensor
    conformal: Tensor

    @classmethod
    def identity(cls, num_keypoints: int) -> 'Calibration':
        """Return the map that changes nothing."""
        return cls(torch.zeros(num_keypoints), torch.ones(()), torch.zeros(num_keypoints, 2, 2), torch.ones(()))


def calibrate(covariances: Tensor, calibration: Calibration) -> Tensor:
    """Map covariances (..., K, 2, 2), on their device and in their type."""
    log_scale, exponent, offset, conformal = (value.to(covariances) for value in calibration)
    known = log_scale.exp()[..., None, None] * _power(*_spectrum(covariances), exponent)
    return keep_definite(conformal * (known + offset))


def mahalanobis2(errors: Tensor, covariances: Tensor) -> Tensor:
    """Return the squared Mahalanobis distances (...) of errors (..., 2) under covariances (..., 2, 2)."""
    return (inverse(covariances) * _outer(errors)).sum(dim=(-2, -1))


def fit(
    errors: Tensor, covariances: Tensor, weights: Tensor, kind: str, prior: float = PRIOR, trim: bool = False
) -> Calibration:
    """Fit a map by the maximum likelihood of Gaussian errors, in double precision.

    The kinds are ``'scale'``: a factor a keypoint; ``'affine'``: also an exponent, one for all keypoints, 1/16 to 16,
    so that log eigenvalues are mapped linearly; ``'additive'``: a factor and an offset a keypoint, with a constant
    covariance a keypoint for a limit; and ``'identity'``.

    One map of all keypoints is fitted first, itself held to their best common factor. To the errors of each keypoint
    are then added `prior` pseudo samples of that map, spread over the keypoint's predictions, by their expectation, so
    that nothing is random: a power prior (Ibrahim and Chen 2000), which decides alone where a keypoint has no labels.

    Args:
        errors: (N, K, 2) px; where the weight is 0 they need not be finite.
        covariances: (N, K, 2, 2) px^2, positive definite.
        weights: (N, K), not negative.
        kind: what the map may change.
        prior: the number of pseudo samples, positive.
        trim: whether the fit is repeated without the errors that it finds less likely than one in a thousand. Where
            some errors are gross, the ellipses then hold what they should of the others, and the likelihood of all is
            lower. Of Gaussian errors the result hardly changes.

    Raises:
        ValueError: if there is no such kind, no label, if `prior` is not positive, or if no map fits.
    """
    if kind not in ('identity', *KINDS):
        raise ValueError(f'kind is one of identity, {", ".join(KINDS)}, not {kind!r}')
    _check(errors, covariances, weights, prior)
    if kind == 'identity':
        return Calibration.identity(errors.shape[1])
    errors, covariances, weights = _doubles(errors, covariances, weights)
    fitted = _fit(errors, covariances, weights, kind, prior)
    for _ in range(_TRIMMINGS if trim else 0):
        likely = mahalanobis2(errors, calibrate(covariances, fitted)) < GROSS
        fitted = _fit(errors, covariances, weights * likely, kind, prior)
    return fitted


def constant_covariance(errors: Tensor, weights: Tensor, prior: float = PRIOR, trim: bool = False) -> Tensor:
    """Return the second moment (K, 2, 2) px^2 of each keypoint's errors: what is known without looking at the image.

    As in `fit`, `prior` pseudo samples of all keypoints' errors are added to each keypoint's, 0 for none, and with
    `trim` the least likely errors are left out.

    Raises:
        ValueError: if there is no label.
    """
    _check(errors, None, weights, 1.0)
    errors, weights = torch.where(weights[..., None] > 0, errors, 0).double(), weights.double()
    found = _second_moments(errors, weights, prior)
    for _ in range(_TRIMMINGS if trim else 0):
        found = _second_moments(errors, weights * (mahalanobis2(errors, found) < GROSS), prior)
    return found


def conformal_factor(distances: Tensor, level: float, together: int = 1) -> float:
    """Return the factor of covariances after which the ellipses of a level hold at least that share of new errors.

    Split-conformal prediction (Papadopoulos et al. 2002): the ceil((n + m) p)-th smallest of n squared Mahalanobis
    distances over -2 ln(1 - p), the squared radius of the ellipse that holds the share p of Gaussian samples. Errors of
    one image depend on each other: if images of m errors each are exchangeable, and the map was not fitted to them, of
    a new image's errors the share p at least is within on average, whatever their distribution, as the m new errors
    could take any ranks among all n + m (Dunn, Wasserman and Ramdas 2023, "Distribution-free prediction sets for
    two-layer hierarchical models"); and of p + m / (n + m) at most, if no two are equal.

    Args:
        distances: (n,), squared, of errors that the map was not fitted to.
        level: p, between 0 and 1.
        together: m, the errors that an image has at most; 0 for the share of these n errors themselves.

    Raises:
        ValueError: if the level is none, or if there are too few errors for it.
    """
    if not 0 < level < 1:
        raise ValueError(f'a level lies between 0 and 1, got {level}')
    count = len(distances)
    rank = math.ceil((count + together) * level - 1e-9)
    if not 0 < rank <= count:
        least = max(1, math.ceil(together * level / (1 - level) - 1e-9))
        raise ValueError(f'a level of {level:g} needs at least {least} errors, got {count}')
    return float(distances.double().sort().values[rank - 1]) / (-2 * math.log(1 - level))


def _check(errors: Tensor, covariances: Tensor | None, weights: Tensor, prior: float) -> None:
    shape = tuple(weights.shape)
    expected = (*shape, 2, 2)
    if errors.shape != expected[:-1] or (covariances is not None and covariances.shape != expected):
        raise ValueError(f'weights {shape} go with errors {expected[:-1]} and covariances {expected}, got others')
    if not bool((weights > 0).any()):
        raise ValueError('a calibration needs labels, got none')
    if not prior > 0:
        raise ValueError(f'prior is a positive number of pseudo samples, not {prior}')


def _second_moments(errors: Tensor, weights: Tensor, prior: float) -> Tensor:
    sums, counts = (weights[..., None, None] * _outer(errors)).sum(dim=0), weights.sum(dim=0)
    pooled = sums.sum(dim=0) / counts.sum() + _SMALLEST * torch.eye(2).to(sums)
    return (sums + prior * pooled) / (counts + prior)[:, None, None]


def _doubles(errors: Tensor, covariances: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.where(weights[..., None] > 0, errors, 0).double(), covariances.double(), weights.double()


def _fit(errors: Tensor, covariances: Tensor, weights: Tensor, kind: str, prior: float) -> Calibration:
    """Fit a map of all keypoints, then one of each held to it."""
    factor = ((weights * mahalanobis2(errors, covariances)).sum() / (2 * weights.sum())).clamp(min=_SMALLEST)
    alike = [values.flatten(0, 1)[:, None] for values in (errors, covariances, weights)]
    pooled = _most_likely(*alike, factor * alike[1], kind, prior)
    return _most_likely(errors, covariances, weights, calibrate(covariances, pooled), kind, prior)


def _most_likely(
    errors: Tensor, covariances: Tensor, weights: Tensor, expected: Tensor, kind: str, prior: float
) -> Calibration:
    """Find the most likely map, given `prior` pseudo samples of each keypoint with covariances (N, K, 2, 2).

    An exponent leaves a keypoint's mean size as it is, and the factor alone changes it: else both would have to change
    together, along a valley that is too narrow to search.
    """
    shares = weights + (weights.sum(dim=0) <= 0).to(weights)
    shares = prior * shares / shares.sum(dim=0)
    moments = weights[..., None, None] * _outer(errors) + shares[..., None, None] * expected
    masses, spectrum = weights + shares, _spectrum(covariances)
    total = masses.sum(dim=0)
    size = (masses * (spectrum[0] + spectrum[1]) / 2).sum(dim=0) / total
    unit = (moments.sum(dim=0).diagonal(dim1=-2, dim2=-1).mean(dim=-1) / total).sqrt()[:, None]
    part = 0.5 if kind == 'additive' else 1.0  # of the errors is what the prediction knows of, to begin with
    factor = (inverse(covariances) * moments).sum(dim=(0, 2, 3)) / (2 * total)
    log_scale = (part * factor).log().requires_grad_()
    log_exponent = errors.new_zeros((), requires_grad=True)
    cholesky = (errors.new_tensor([1, 0, 1]).repeat(len(total), 1) * part**0.5).requires_grad_()
    free = {'scale': [log_scale], 'affine': [log_scale, log_exponent], 'additive': [log_scale, cholesky]}[kind]

    def build() -> Calibration:
        offset = _square(cholesky * unit) if kind == 'additive' else errors.new_zeros(len(total), 2, 2)
        exponent = (_MAX_LOG_EXPONENT * (log_exponent / _MAX_LOG_EXPONENT).tanh()).exp()
        return Calibration(log_scale + (1 - exponent) * size, exponent, offset, errors.new_ones(()))

    def loss() -> Tensor:
        scale, exponent, offset, _ = build()
        mapped = scale.exp()[:, None, None] * _power(*spectrum, exponent) + offset
        losses = masses * determinant(mapped).log() + (inverse(mapped) * moments).sum(dim=(-2, -1))
        return losses.sum() / total.mean()

    _minimise(loss, free)
    found = Calibration(*(value.detach() for value in build()))
    if not all(value.isfinite().all() for value in found):
        raise ValueError(f'no map of kind {kind!r} fits these errors and covariances')
    return found


@torch.enable_grad()
def _minimise(loss: Callable[[], Tensor], free: list[Tensor]) -> None:
    """Minimise a loss in place, until it no longer changes.

    Of a loss per label of one keypoint the tolerances are far below what labels can tell.
    """
    options = dict(max_iter=300, tolerance_grad=1e-3, tolerance_change=1e-6, line_search_fn='strong_wolfe')
    optimizer = torch.optim.LBFGS(free, **options)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


def _outer(errors: Tensor) -> Tensor:
    return errors[..., :, None] * errors[..., None, :]


def _square(cholesky: Tensor) -> Tensor:
    """Return L L^T (..., 2, 2) of l11, l21, l22 (..., 3)."""
    l11, l21, l22 = cholesky.unbind(dim=-1)
    entries = (l11.square(), l11 * l21, l11 * l21, l21.square() + l22.square())
    return torch.stack(entries, dim=-1).unflatten(-1, (2, 2))


def _spectrum(covariances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the logarithms (...) of the greater and of the smaller eigenvalue, and the direction (..., 2, 2).

    The direction D is traceless with the eigenvalues 1 and -1: the matrix is their mean plus half their difference
    times D (Sylvester's formula); of a circle it is 0.
    """
    half, mixed = (covariances[..., 0, 0] - covariances[..., 1, 1]) / 2, covariances[..., 0, 1]
    radius = hypotenuse(half, mixed)
    greater = ((covariances[..., 0, 0] + covariances[..., 1, 1]) / 2 + radius).clamp(min=_SMALLEST)
    smaller = (determinant(covariances) / greater).clamp(min=_SMALLEST)
    direction = torch.stack((half, mixed, mixed, -half), dim=-1).unflatten(-1, (2, 2))
    return greater.log(), smaller.log(), direction / radius.clamp(min=1e-30)[..., None, None]


def _power(greater: Tensor, smaller: Tensor, direction: Tensor, exponent: Tensor) -> Tensor:
    """Build a power (..., 2, 2) of covariances from what `_spectrum` returns; rounding cannot make it singular."""
    greater, smaller = (exponent * greater).exp(), (exponent * smaller).exp()
    smaller = torch.maximum(smaller, 16 * torch.finfo(greater.dtype).eps * greater)
    circle = torch.eye(2, dtype=direction.dtype, device=direction.device)
    mean, half = (greater + smaller) / 2, (greater - smaller) / 2
    return mean[..., None, None] * circle + half[..., None, None] * direction
