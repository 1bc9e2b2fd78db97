"""Whether one of two results on the same images is better; numpy alone.

Images are what varies: whatever is drawn or exchanged is a whole image, with all that both results have in it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hybridkp.evaluation.coco_accumulation import CocoAccumulation
from hybridkp.evaluation.coco_evaluation import CocoEvaluation
from hybridkp.evaluation.pose_errors import MATCH

Interval = tuple[float, float]
_ROUNDING = 1e-12
"""Differences that are equal on paper may come out this much apart."""


class PairedDifference(NamedTuple):
    """One measure of two results, A and B; NaN where it is undefined."""

    first: float
    """Of A."""
    first_interval: Interval
    """95 % of the bootstrap's draws of images (2.5 to 97.5 per cent)."""
    second: float
    """Of B."""
    second_interval: Interval
    difference: float
    """B minus A."""
    interval: Interval
    """Of the difference in the same draws, A and B on the same images."""
    p_bootstrap: float
    """Two-sided: twice the smaller share of draws in which the difference is at most, or at least, 0."""
    p_exchange: float
    """Two-sided: in what share of exchanges of A's and B's results in a random half of the images the difference is as
    large; Noreen, Computer-intensive methods for testing hypotheses, 1989. Exact, if both are alike image by image,
    but for its own random draws."""


def paired_differences(
    first: CocoAccumulation, second: CocoAccumulation, draws: int, seed: int
) -> dict[str, PairedDifference]:
    """Compare COCO's measures of two results.

    Exchanging mixes the detections of both in one list. That is a test of whether the two can be told apart at all:
    scores of another meaning are a difference, too, though the bootstrap may see none.

    Args:
        first: of A, on the same people as the other.
        second: of B.
        draws: how often images are drawn, and how often results are exchanged; 0 for neither.
        seed: of both.

    Raises:
        ValueError: the people to be found are not the same.
    """
    if first.people.shape != second.people.shape or (first.people != second.people).any():
        raise ValueError('paired_differences: expected two results on the same people, got other ones')
    images = first.people.shape[1]
    observed = np.array([list(one.measures().values()) for one in (first, second)])
    observed[observed < 0] = np.nan
    names = list(first.measures())
    if not draws or images < 2:
        return _summaries(names, observed, np.full((2, 1, len(names)), np.nan), np.full((1, len(names)), np.nan))
    times, sides = _draws(images, draws, seed)
    drawn = np.stack([_values(one, times) for one in (first, second)])
    merged = _merged(first, second)
    exchanged = _values(merged, np.concatenate((sides, 1 - sides), axis=1))
    exchanged = exchanged - _values(merged, np.concatenate((1 - sides, sides), axis=1))
    return _summaries(names, observed, drawn, exchanged)


def keypoint_differences(
    first: CocoEvaluation, second: CocoEvaluation, draws: int, seed: int
) -> list[PairedDifference]:
    """Compare the mean similarities of each of K keypoints, and last of all of them together.

    The means are over all labelled keypoints of the people who are to be found, so that both results are measured on
    the same ones; of somebody whom no detection finds at a similarity of 0.1 they are 0. As these means are sums over
    images, exchanging the results of an image is changing the sign of its difference.

    Args:
        first: of A, on the same people as the other.
        second: of B.
        draws: as of `paired_differences`.
        seed: likewise.
    """
    sums, counts = np.stack([_sums(one) for one in (first, second)]), _labelled(first)
    sums, counts = (np.concatenate((part, part.sum(axis=-1, keepdims=True)), axis=-1) for part in (sums, counts))
    totals, names = counts.sum(axis=0), range(counts.shape[1])
    with np.errstate(invalid='ignore'):
        observed = sums.sum(axis=1) / totals
        if not draws or len(counts) < 2:
            nothing = np.full((1, len(totals)), np.nan)
            return list(_summaries(names, observed, np.stack((nothing, nothing)), nothing).values())
        times, sides = _draws(len(counts), draws, seed)
        drawn = (times @ sums) / (times @ counts)
        exchanged = (2 * sides - 1) @ (sums[1] - sums[0]) / totals
    return list(_summaries(names, observed, drawn, exchanged).values())


def _draws(images: int, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each image is drawn, and whose results it takes, 0 or 1; both (draws, images)."""
    generator = np.random.default_rng(seed)
    times = generator.multinomial(images, np.full(images, 1 / images), draws)
    return times, generator.integers(0, 2, (draws, images))


def _values(accumulation: CocoAccumulation, times: np.ndarray) -> np.ndarray:
    """Return the measures (draws, M) with images taken so many times (draws, images), NaN where undefined."""
    values = np.array([list(measures.values()) for measures in accumulation.resampled(times)])
    return np.where(values < 0, np.nan, values)


def _merged(first: CocoAccumulation, second: CocoAccumulation) -> CocoAccumulation:
    """Return both results as of twice as many images, first those of A, then those of B."""
    images = first.people.shape[1]
    units = np.concatenate(
        [one.units + images * (one.units // images + side) for side, one in enumerate((first, second))]
    )
    order = np.argsort(units, kind='stable')
    parts = [np.concatenate(pair)[order] for pair in zip(first[1:4], second[1:4], strict=True)]
    return CocoAccumulation(units[order], *parts, np.concatenate((first.people, second.people), axis=1))


def _sums(evaluation: CocoEvaluation) -> np.ndarray:
    """Return the sums (images, K) of the similarities of those who are found."""
    partners, truth = evaluation.partners_at(MATCH), evaluation.truth
    similarities = np.nan_to_num(evaluation.similarities(partners))
    sums = np.zeros((len(truth.images), similarities.shape[1]))
    np.add.at(sums, evaluation.units % len(truth.images), similarities)
    return sums


def _labelled(evaluation: CocoEvaluation) -> np.ndarray:
    """Return how many keypoints of people who are to be found are labelled (images, K)."""
    truth = evaluation.truth
    counts = np.zeros((len(truth.images), truth.labelled.shape[1]))
    np.add.at(counts, truth.units % len(truth.images), truth.labelled & ~truth.ignored[:, None])
    return counts


def _summaries(names: Iterable, observed: np.ndarray, drawn: np.ndarray, exchanged: np.ndarray) -> dict:
    """Return the differences by name, of values (2, M), those of drawn images (2, N, M), and exchanged ones (N, M)."""
    differences = drawn[1] - drawn[0]
    found = {}
    for i, name in enumerate(names):
        difference = float(observed[1, i] - observed[0, i])
        found[name] = PairedDifference(
            first=float(observed[0, i]),
            first_interval=_interval(drawn[0, :, i]),
            second=float(observed[1, i]),
            second_interval=_interval(drawn[1, :, i]),
            difference=difference,
            interval=_interval(differences[:, i]),
            p_bootstrap=_p_bootstrap(differences[:, i]),
            p_exchange=_p_exchange(exchanged[:, i], difference),
        )
    return found


def _interval(values: np.ndarray) -> Interval:
    values = values[np.isfinite(values)]
    return tuple(np.percentile(values, [2.5, 97.5]).tolist()) if values.size else (float('nan'), float('nan'))


def _p_bootstrap(differences: np.ndarray) -> float:
    known = differences[np.isfinite(differences)]
    smaller = min((known <= _ROUNDING).sum(), (known >= -_ROUNDING).sum())
    return min(1.0, 2 * float(smaller + 1) / (len(known) + 1)) if known.size else float('nan')


def _p_exchange(differences: np.ndarray, observed: float) -> float:
    """Return the share of those that are as large as what was observed, which counts as one of them."""
    known = differences[np.isfinite(differences)]
    as_large = (np.abs(known) >= abs(observed) - _ROUNDING).sum()
    return float(as_large + 1) / (len(known) + 1) if known.size else float('nan')
