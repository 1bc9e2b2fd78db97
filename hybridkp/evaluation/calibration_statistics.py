"""Statistics that say whether predicted covariances can be trusted; numpy alone.

Error vectors are (..., 2), prediction minus reference, in one unit; covariances are (..., 2, 2) in that unit squared
and positive definite. A landmark that is missing has NaN for both and is left out.
"""

import numpy as np

from hybridkp.evaluation.radial_statistics import radial

STEPS = np.arange(1, 20) / 20
"""The nominal levels that the expected calibration error is the mean over."""
_ROUND = 1 + 1e-6
"""An ellipse with a smaller ratio of its axes has no long axis."""
_LINE = 1e-12
"""An ellipse whose smaller variance is a smaller part of the mean one is a line that was rounded."""


def squared_distances(vectors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return the squared Mahalanobis distances (...) of error vectors under their covariances."""
    (x, y), (xx, xy, yy) = np.moveaxis(vectors, -1, 0), _entries(covariances)
    return (yy * x * x - 2 * xy * x * y + xx * y * y) / _determinants(covariances)


def log_losses(vectors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihoods (...): half the squared distance plus ln det(2 pi covariance) / 2.

    Gneiting & Raftery, Strictly proper scoring rules, prediction, and estimation, JASA 2007, section 4: the
    logarithmic score, which the true distribution makes smallest in the mean.
    """
    halves = (squared_distances(vectors, covariances) + np.log(_determinants(covariances))) / 2
    return halves + np.log(2 * np.pi)


def areas(covariances: np.ndarray) -> np.ndarray:
    """Return the areas (...) of the one-sigma ellipses."""
    return np.pi * np.sqrt(_determinants(covariances))


def sizes(covariances: np.ndarray) -> np.ndarray:
    """Return the radial errors (...) to expect: the root of the mean squared one, of the trace."""
    xx, _, yy = _entries(covariances)
    return np.sqrt(xx + yy)


def isotropic(covariances: np.ndarray) -> np.ndarray:
    """Return the circular covariances (..., 2, 2) of the same sizes: half the trace along each axis."""
    xx, _, yy = _entries(covariances)
    return ((xx + yy) / 2)[..., None, None] * np.eye(2)


def coverages(distances: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    """Return for each level how many per cent of the errors lie in that level's ellipse; NaN where there are none.

    Squared distances of Gaussian errors in two dimensions are chi-squared with 2 degrees of freedom: a share p of
    them is at most -2 ln(1 - p).
    """
    known = distances[np.isfinite(distances)]
    if not known.size:
        return [float('nan')] * len(levels)
    return [100 * float((known <= -2 * np.log1p(-level)).mean()) for level in levels]


def calibration_error(distances: np.ndarray) -> float:
    """Return the expected calibration error in per cent: the mean of |coverage - level| over the levels `STEPS`.

    Kuleshov, Fenner & Ermon, Accurate uncertainties for deep learning using calibrated regression, ICML 2018,
    section 3.5, with the absolute value for the square, as usual since Guo et al., ICML 2017.
    """
    return float(np.abs(np.array(coverages(distances, tuple(STEPS))) - 100 * STEPS).mean())


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation (1904) of two arrays of one shape; NaN where one of them is constant."""
    known = np.isfinite(first) & np.isfinite(second)
    ranks = [_ranks(values[known]) for values in (first, second)]
    centred = [rank - rank.mean() if rank.size else rank for rank in ranks]
    scale = np.sqrt(np.square(centred[0]).sum() * np.square(centred[1]).sum())
    return float((centred[0] * centred[1]).sum() / scale) if scale > 0 else float('nan')


def risk_coverage(errors: np.ndarray, uncertainties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which share of the landmarks is kept and their mean error (M,), (M,), the least certain dropped first.

    M is the count of the landmarks. Equal uncertainties come in random order: the mean over all such orders is
    returned.
    """
    known = np.isfinite(errors) & np.isfinite(uncertainties)
    _, group, counts = np.unique(uncertainties[known], return_inverse=True, return_counts=True)
    means = np.bincount(group, errors[known], minlength=len(counts)) / counts
    kept = np.arange(1, len(group) + 1)
    return kept / max(len(group), 1), np.repeat(means, counts).cumsum() / kept


def risk_area(errors: np.ndarray, uncertainties: np.ndarray) -> float:
    """Return the area under the risk-coverage curve: its mean over the shares 1/M, 2/M ... 1.

    Geifman, Uziel & El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers, ICLR 2019, section 2,
    with the radial error for the risk. Uncertainties that say nothing give the mean error.
    """
    _, risk = risk_coverage(errors, uncertainties)
    return float(risk.mean()) if risk.size else float('nan')


def summary(vectors: np.ndarray, covariances: np.ndarray, levels: tuple[float, ...]) -> dict[str, float]:
    """Return every measure of the covariances of error vectors, by its name.

    These are ``coverage_P`` for each level and ``ECE``, in per cent, ``NLL``, ``area``, the mean one of the one-sigma
    ellipses (the sharpness), and ``correlation`` and ``AURC`` of their sizes with the radial errors.
    """
    distances, errors = squared_distances(vectors, covariances), radial(vectors)
    shares = zip(levels, coverages(distances, levels), strict=True)
    return {
        **{coverage_name(level): share for level, share in shares},
        'NLL': _mean(log_losses(vectors, covariances)),
        'ECE': calibration_error(distances),
        'area': _mean(areas(covariances)),
        'correlation': rank_correlation(sizes(covariances), errors),
        'AURC': risk_area(errors, sizes(covariances)),
    }


def coverage_name(level: float) -> str:
    """Return what the coverage of a level's ellipses is called."""
    return f'coverage_{100 * level:g}'


def calibrated_band(distances: np.ndarray, levels: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return the limits (L, 2), in per cent, of 95 % of the coverages that perfect covariances would have.

    The distances (N, K), of N images, are replaced by their ranks, which are as uniform as the probabilities of a
    perfect prediction, while errors of one image stay as alike as they are; then whole images are drawn. NaN with
    fewer than two images.
    """
    known = np.isfinite(distances)
    images = int(known.any(axis=1).sum())
    if images < 2:
        return np.full((len(levels), 2), np.nan)
    uniform = np.full(distances.shape, np.inf)
    uniform[known] = (_ranks(distances[known]) - 0.5) / known.sum()
    hits = [(uniform <= level + 1e-12).sum(axis=1) for level in levels]
    sums = np.stack([*hits, known.sum(axis=1)], axis=1)[known.any(axis=1)]
    times_drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), draws)
    drawn = times_drawn.astype(float) @ sums
    return np.percentile(100 * drawn[:, :-1] / drawn[:, -1:], [2.5, 97.5], axis=0).T


def reader_scatter(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how the points (R, K, 2) of R readers scatter about their mean in one image.

    That are the sums (K, 2, 2) of the outer products of the differences and the degrees of freedom (K,), one less
    than the readers that have the point (the others have NaN); sums over images, divided, are a covariance.
    """
    known = np.isfinite(points).all(axis=-1)
    count = known.sum(axis=0)
    points = np.where(known[..., None], points, 0)
    shifts = np.where(known[..., None], points - points.sum(axis=0) / np.maximum(count, 1)[:, None], 0)
    return np.einsum('rki,rkj->kij', shifts, shifts), np.maximum(count - 1, 0)


def axis_angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles (...) between the long axes of two covariances, 0 to 90 degrees; 45 in the mean by chance.

    NaN where one of them is a circle.
    """
    directions = []
    for covariances in (first, second):
        xx, xy, yy = _entries(covariances)
        directions.append(np.where(axis_ratios(covariances) > _ROUND, np.arctan2(2 * xy, xx - yy) / 2, np.nan))
    between = np.degrees(np.abs(directions[0] - directions[1])) % 180
    return np.minimum(between, 180 - between)


def axis_ratios(covariances: np.ndarray) -> np.ndarray:
    """Return how many times longer the ellipses' long axes are than their short ones (...), infinite for a line."""
    xx, xy, yy = _entries(covariances)
    mean, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    short = np.where(mean - radius < _LINE * mean, 0, mean - radius)
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.sqrt((mean + radius) / short)


def weighted_angle(angles: np.ndarray, ratios: np.ndarray) -> float:
    """Return the mean of angles (K,) where both are finite, weighted by how much each ratio is above 1, or NaN."""
    known = np.isfinite(angles) & np.isfinite(ratios)
    weights = ratios[known] - 1
    return float((weights * angles[known]).sum() / weights.sum()) if weights.sum() > 0 else float('nan')


def _entries(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]


def _determinants(matrices: np.ndarray) -> np.ndarray:
    xx, xy, yy = _entries(matrices)
    return xx * yy - xy * xy


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks (M,) of values (M,), from 1; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[group]


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float('nan')
