"""Who is found by which detection, by the rules of COCO; numpy alone."""

import numpy as np

from hybridkp.evaluation.coco_truth import CocoTruth

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Of the similarity, at which somebody is found."""
AREAS = {'all': (0.0, 1e5**2), 'M': (32.0**2, 96.0**2), 'L': (96.0**2, 1e5**2)}
"""From which area to which, in px^2, both included, people and detections count."""


def pairs(units: np.ndarray, truth: CocoTruth) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (P,), (P,) of all detections and people of the same unit, by detection and then by person.

    Args:
        units: of the detections (D,), ascending.
        truth: the people.
    """
    starts = np.searchsorted(truth.units, units)
    counts = np.searchsorted(truth.units, units, side='right') - starts
    found = np.repeat(np.arange(len(units)), counts)
    ends = counts.cumsum()
    return found, np.arange(len(found)) + np.repeat(starts - ends + counts, counts)


def ignored_people(truth: CocoTruth) -> np.ndarray:
    """Return who is not to be found (G, A) in each range of areas."""
    return truth.ignored[:, None] | _outside(truth.areas)


def match(
    indices: tuple[np.ndarray, np.ndarray],
    similarities: np.ndarray,
    truth: CocoTruth,
    units: np.ndarray,
    thresholds: np.ndarray = THRESHOLDS,
) -> np.ndarray:
    """Return the index (D, A, T) of whom each detection finds, or -1, in A ranges of areas at T thresholds.

    In a unit, from the highest score to the lowest, a detection finds the most similar of those who are not found yet
    and whose similarity reaches the threshold; only if there is nobody, the most similar of those who are ignored. A
    crowd may be found any number of times. Of two that are equally similar the later one is found.

    Args:
        indices: the pairs (P,), (P,) of `pairs`.
        similarities: of the pairs (P,).
        truth: the people.
        units: of the detections (D,), ascending; in a unit from the highest score to the lowest.
        thresholds: of the similarity (T,).
    """
    partners = np.full((len(units), len(AREAS), len(thresholds)), -1, dtype=np.int32)
    ignored = ignored_people(truth)[..., None]
    crowds = np.flatnonzero(truth.crowds)
    closed = np.zeros((len(truth.units), *partners.shape[1:]), dtype=bool)
    reaching = np.unique(indices[0][similarities >= thresholds.min()])
    starts, counts = (np.searchsorted(indices[0], reaching, side=side) for side in ('left', 'right'))
    counts -= starts
    for members in _by_rank(units[reaching]):
        for count in np.unique(counts[members]):
            rows = members[counts[members] == count]
            columns = starts[rows, None] + np.arange(count)
            people = indices[1][columns]  # (N, count)
            similar = similarities[columns][..., None, None]
            open_ = (similar >= thresholds) & ~closed[people]
            regular = open_ & ~ignored[people]
            chosen = np.where(regular.any(axis=1, keepdims=True), regular, open_)
            similar = np.where(chosen, similar, -1)[:, ::-1]
            person = np.take_along_axis(people, (count - 1 - similar.argmax(axis=1)).reshape(len(rows), -1), axis=1)
            person = np.where(chosen.any(axis=1), person.reshape(len(rows), *partners.shape[1:]), -1)
            partners[reaching[rows]] = person
            row, area, threshold = np.nonzero(person >= 0)
            closed[person[row, area, threshold], area, threshold] = True
            closed[crowds] = False
    return partners


def ignored_detections(partners: np.ndarray, truth: CocoTruth, areas: np.ndarray) -> np.ndarray:
    """Return which detections (D, A, T) count neither as right nor as wrong.

    These are those that find somebody who is ignored, and those that find nobody and whose area is outside the range.

    Args:
        partners: (D, A, T) of `match`.
        truth: the people.
        areas: of the detections (D,) in px^2.
    """
    ignored = np.concatenate((ignored_people(truth), np.zeros((1, len(AREAS)), dtype=bool)))  # nobody is the last
    of_partner = ignored[partners, np.arange(len(AREAS))[:, None]]
    return of_partner | ((partners < 0) & _outside(areas)[..., None])


def _outside(areas: np.ndarray) -> np.ndarray:
    """Return which areas (N,) lie outside the ranges (N, A)."""
    low, high = np.array(list(AREAS.values())).T
    return (areas[:, None] < low) | (areas[:, None] > high)


def _by_rank(units: np.ndarray) -> list[np.ndarray]:
    """Return the indices of the first of each unit, of the second of each that has two, and so on; units ascend."""
    _, starts, counts = np.unique(units, return_index=True, return_counts=True)
    return [starts[counts > rank] + rank for rank in range(counts.max(initial=0))]
