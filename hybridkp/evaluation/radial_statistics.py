"""Statistics of radial errors as the cephalometric challenges define them; numpy alone.

Errors are (N, K), of N images and K landmarks, in one unit; what is not finite is left out.
"""

from collections.abc import Sequence

import numpy as np

_ROUNDING = 1e-9
"""An error that is a threshold on paper may come out this much greater."""


def radial(vectors: np.ndarray, spacing: np.ndarray | None = None) -> np.ndarray:
    """Return the lengths (...) of error vectors (..., 2) in px, in mm if a pixel's size is given.

    Args:
        vectors: prediction minus reference, (x, y).
        spacing: (..., 2), mm per px along x and y, of a shape that fits the vectors'.
    """
    scaled = vectors if spacing is None else vectors * np.asarray(spacing)
    return np.hypot(scaled[..., 0], scaled[..., 1])


def mean_and_deviation(errors: np.ndarray) -> tuple[float, float]:
    """Return the mean and the standard deviation, with N - 1, of all errors; NaN where there are too few of them.

    Wang et al., Evaluation and comparison of anatomical landmark detection methods for cephalometric X-ray images,
    IEEE TMI 2015, equations 2 and 3.
    """
    known = errors[np.isfinite(errors)]
    mean = float(known.mean()) if known.size else float('nan')
    return mean, float(known.std(ddof=1)) if known.size > 1 else float('nan')


def detection_rates(errors: np.ndarray, thresholds: tuple[float, ...]) -> list[float]:
    """Return for each threshold how many per cent of all errors are at most that large; NaN where there are none."""
    known = errors[np.isfinite(errors)]
    if not known.size:
        return [float('nan')] * len(thresholds)
    return [100 * float((known <= threshold + _ROUNDING).mean()) for threshold in thresholds]


def intervals(
    errors: np.ndarray,
    thresholds: tuple[float, ...],
    draws: int,
    seed: int,
    images: Sequence[str] | None = None,
) -> np.ndarray:
    """Return 95 % intervals (1 + T, 2) of the mean and of the detection rate at each of T thresholds.

    They are the percentiles of a bootstrap over images: the errors of one image depend on each other, so that whole
    images are drawn. NaN without draws and with fewer than two images that have an error.

    Args:
        errors: (N, K).
        thresholds: T of them, in the errors' unit.
        draws: how often the images are drawn.
        seed: of the draws.
        images: which image each row is of; None where each has its own.
    """
    known = np.isfinite(errors)
    hits = [100 * (known & (errors <= threshold + _ROUNDING)).sum(axis=1) for threshold in thresholds]
    sums = np.stack([np.where(known, errors, 0).sum(axis=1), *hits, known.sum(axis=1)], axis=1)
    if images is not None:
        numbers = np.unique(images, return_inverse=True)[1]
        sums = np.stack([np.bincount(numbers, column) for column in sums.T], axis=1)
    sums = sums[sums[:, -1] > 0]
    count = len(sums)
    if count < 2 or not draws:
        return np.full((1 + len(thresholds), 2), np.nan)
    times_drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    drawn = times_drawn.astype(float) @ sums
    return np.percentile(drawn[:, :-1] / drawn[:, -1:], [2.5, 97.5], axis=0).T
