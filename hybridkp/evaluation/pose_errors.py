"""What is wrong with keypoints of people who are found, and what it costs; numpy alone.

Ronchi & Perona, Benchmarking and error diagnosis in multi-instance pose estimation, ICCV 2017. The similarity of one
keypoint to another is exp(-d^2 / (2 area (2 sigma)^2)), the area that of the person whose keypoint is approached.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybridkp.evaluation.coco_evaluation import CocoEvaluation
from hybridkp.evaluation.keypoint_similarity import keypoint_similarities

KINDS = ('good', 'jitter', 'inversion', 'swap', 'miss')
ERRORS = KINDS[1:]
MATCH = 0.1
"""The similarity of whole poses at which a detection is taken for somebody, so that bad poses are looked at as well."""
NEAR, GOOD = 0.5, 0.85
"""Over which similarity a keypoint is near another one, and is as good as an annotator's."""
_INSIDE = 1 - 1e-9
"""A corrected keypoint is this much nearer, so that rounding does not leave it outside."""


class PoseErrors(NamedTuple):
    """What each keypoint of D detections of K keypoints is.

    Of the detections those count that find somebody at the similarity `MATCH`, of their keypoints those that are
    labelled. In the order in which they are decided, by the similarity to the true place (the paper's definitions of
    localization errors):

    - good: at least 0.85;
    - jitter: at least 0.5;
    - inversion: less, but at least 0.5 to the mirrored keypoint of the same person;
    - swap: less, but at least 0.5 to that keypoint, or the mirrored one, of another person of the same image;
    - miss: all others.

    Where inversion and swap both hold, the more similar one is taken. The paper leaves it to the user which keypoints
    can be confused, and takes those of the left and of the right, as here.
    """

    kinds: np.ndarray
    """(D, K), indices into `KINDS`, -1 where there is nothing to compare with."""
    partners: np.ndarray
    """(D,), index of the person who is found, or -1."""
    wrong: np.ndarray
    """(D, K), index of the person whose keypoint an inversion or a swap is at, else -1."""
    corrected: np.ndarray
    """(D, K, 2) in px, where the keypoints would be without their errors, see `classify`."""

    @property
    def counts(self) -> np.ndarray:
        """How many keypoints there are of each kind (5, K), in the order of `KINDS`."""
        return np.stack([(self.kinds == i).sum(axis=0) for i in range(len(KINDS))])


def classify(evaluation: CocoEvaluation, flip_indices: Sequence[int]) -> PoseErrors:
    """Say what is wrong with each keypoint of an evaluation, and correct it.

    A keypoint is corrected by moving it straight towards its true place, as in the paper: a jitter to a similarity of
    0.85, a miss to 0.5, an inversion and a swap to the similarity that it has to the wrong keypoint. For swaps the
    paper keeps the distance to the wrong keypoint instead, which is the same for people of the same size; with the
    similarity no correction makes a keypoint worse.

    Args:
        evaluation: of D detections.
        flip_indices: (K,), which keypoint each one is mirrored to.
    """
    partners = evaluation.partners_at(MATCH)
    own = evaluation.similarities(partners)
    mirrored, other, others = _confusions(evaluation, partners, np.asarray(flip_indices))
    inverted = (mirrored >= NEAR) & (mirrored >= other)
    conditions = [np.isnan(own), own >= GOOD, own >= NEAR, inverted, other >= NEAR]
    kinds = np.select(conditions, [-1, *map(KINDS.index, KINDS[:4])], KINDS.index('miss'))
    goals = np.select([kinds == KINDS.index(name) for name in ERRORS], [GOOD, mirrored, other, NEAR], 1.0)
    wrong = np.select(
        [kinds == KINDS.index('inversion'), kinds == KINDS.index('swap')], [partners[:, None], others], -1
    )
    return PoseErrors(kinds, partners, wrong, _corrected(evaluation, partners, kinds, goals))


def gains(evaluation: CocoEvaluation, errors: PoseErrors) -> dict[str, dict[str, float]]:
    """Return by how much each of COCO's measures would rise without each kind of error, and without all of them.

    The keypoints of that kind are corrected, scores remain as they are, and people are found anew.
    Measures that are undefined give NaN.
    """
    before, points = evaluation.accumulation.measures(), evaluation.detections.keypoints
    result = {}
    for name in (*ERRORS, 'all'):
        chosen = errors.kinds > 0 if name == 'all' else errors.kinds == KINDS.index(name)
        moved = evaluation.moved(np.where(chosen[..., None], errors.corrected, points))
        after = moved.accumulation.measures()
        result[name] = {key: after[key] - value if value > -1 else float('nan') for key, value in before.items()}
    return result


def _confusions(
    evaluation: CocoEvaluation, partners: np.ndarray, flip_indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the similarities (D, K) to the own mirrored keypoint and to others' keypoints, and who those are (D, K).

    What is not labelled, and what has no mirrored keypoint, has similarity 0. Of others that are equally similar the
    first in the file is taken.
    """
    shape = evaluation.detections.keypoints.shape[:2]
    mirrored, other, others = np.zeros(shape), np.zeros(shape), np.full(shape, -1)
    found, people = evaluation.pairs
    kept = (partners[found] >= 0) & ~evaluation.truth.ignored[people]
    found, people = found[kept], people[kept]
    if not len(found):
        return mirrored, other, others
    same = _similarities_to(evaluation, found, people, np.arange(shape[1]))
    mirror = _similarities_to(evaluation, found, people, flip_indices)
    mirror[:, flip_indices == np.arange(shape[1])] = 0
    own = people == partners[found]
    mirrored[found[own]] = mirror[own]
    values = np.where(own[:, None], 0, np.maximum(same, mirror))
    rows, starts = np.unique(found, return_index=True)
    other[rows] = np.maximum.reduceat(values, starts)
    nearest = np.where(values == other[found], people[:, None], len(partners) + len(evaluation.truth.units))
    others[rows] = np.minimum.reduceat(nearest, starts)
    return mirrored, other, others


def _similarities_to(
    evaluation: CocoEvaluation, found: np.ndarray, people: np.ndarray, keypoints: np.ndarray
) -> np.ndarray:
    """Return how similar the keypoints of detections (P,) are to the given keypoints (K,) of people (P,): (P, K)."""
    truth = evaluation.truth
    shifts = evaluation.detections.keypoints[found].astype(float) - truth.keypoints[people][:, keypoints]
    values = keypoint_similarities((shifts**2).sum(axis=-1), truth.areas[people], evaluation.sigmas[keypoints])
    return np.where(truth.labelled[people][:, keypoints], values, 0)


def _corrected(evaluation: CocoEvaluation, partners: np.ndarray, kinds: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """Return the keypoints (D, K, 2) px, those with errors moved to a similarity of their goals (D, K)."""
    points = evaluation.detections.keypoints.astype(float)
    rows, columns = np.nonzero(kinds > 0)
    people = partners[rows]
    true, areas = evaluation.truth.keypoints[people, columns], evaluation.truth.areas[people]
    lengths = np.sqrt(-2 * areas * np.log(goals[rows, columns])) * 2 * evaluation.sigmas[columns] * _INSIDE
    shifts = points[rows, columns] - true
    points[rows, columns] = true + shifts * (lengths / np.hypot(*shifts.T))[:, None]
    return points
