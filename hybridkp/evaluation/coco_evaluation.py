"""An evaluation of COCO keypoints, from detections and people to what each detection found; numpy alone."""

from functools import cached_property

import numpy as np

from hybridkp.evaluation.coco_accumulation import CocoAccumulation
from hybridkp.evaluation.coco_detections import CocoDetections, best
from hybridkp.evaluation.coco_matching import AREAS, THRESHOLDS, ignored_detections, ignored_people, match, pairs
from hybridkp.evaluation.coco_truth import CocoTruth
from hybridkp.evaluation.keypoint_similarity import labelled_similarities, truth_similarities


class CocoEvaluation:
    """The D detections that count and whom each of them finds.

    Args:
        detections: by unit (a category in an image), in a unit from the highest score to the lowest.
        rows: where they are (D,) among the detections that were handed in.
        units: of the detections (D,), as in `CocoTruth`.
        truth: the people to find.
        sigmas: of the keypoints (K,).
    """

    def __init__(
        self, detections: CocoDetections, rows: np.ndarray, units: np.ndarray, truth: CocoTruth, sigmas: np.ndarray
    ):
        self.detections, self.rows, self.units, self.truth, self.sigmas = detections, rows, units, truth, sigmas

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices (P,), (P,) of all detections and people of the same unit."""
        return pairs(self.units, self.truth)

    @cached_property
    def partners(self) -> np.ndarray:
        """Return the index (D, A, T) of the person whom each detection finds, or -1.

        ``partners[:, 0, 0]`` is about people of any size, at a similarity of 0.5. Whoever is ignored can be found, too.
        """
        return match(self.pairs, self._pair_similarities, self.truth, self.units)

    @cached_property
    def accumulation(self) -> CocoAccumulation:
        """Return what average precision and recall, and their intervals, are computed of."""
        shape = len(self.truth.categories), len(self.truth.images)
        people = [
            np.bincount(self.truth.units[~ignored], minlength=shape[0] * shape[1])
            for ignored in ignored_people(self.truth).T
        ]
        return CocoAccumulation(
            units=self.units,
            scores=self.detections.scores,
            found=self.partners >= 0,
            ignored=ignored_detections(self.partners, self.truth, self.detections.areas),
            people=np.stack(people, axis=1).reshape(*shape, len(AREAS)),
        )

    def partners_at(self, threshold: float) -> np.ndarray:
        """Return the index (D,) of the person of any size whom each detection finds at a similarity, or -1.

        Nobody who is ignored counts as found.
        """
        similarities, thresholds = self._pair_similarities, np.array([threshold])
        known = threshold == THRESHOLDS[0]
        partners = self.partners if known else match(self.pairs, similarities, self.truth, self.units, thresholds)
        partners = partners[:, 0, 0]
        return np.where(np.append(self.truth.ignored, True)[partners], -1, partners)

    def similarities(self, partners: np.ndarray) -> np.ndarray:
        """Return how similar each keypoint (D, K) is to that of a person (D,), NaN where there is none."""
        points = self.detections.keypoints.astype(float)
        values = np.full(points.shape[:2], np.nan)
        found = np.flatnonzero(partners >= 0)
        values[found] = labelled_similarities(points[found], self.truth, partners[found], self.sigmas)
        return values

    def alone(self, keypoint: int) -> 'CocoEvaluation':
        """Return the evaluation of the same detections by one of their keypoints, as if there were no others."""
        truth, some = self.truth, [keypoint]
        truth = truth._replace(keypoints=truth.keypoints[:, some], labelled=truth.labelled[:, some])
        detections = self.detections._replace(
            keypoints=self.detections.keypoints[:, some], keypoint_scores=self.detections.keypoint_scores[:, some]
        )
        return CocoEvaluation(detections, self.rows, self.units, truth, self.sigmas[some])

    def moved(self, keypoints: np.ndarray) -> 'CocoEvaluation':
        """Return the evaluation of the same detections with other keypoints (D, K, 2) in px."""
        detections = self.detections._replace(keypoints=keypoints)
        return CocoEvaluation(detections, self.rows, self.units, self.truth, self.sigmas)

    @cached_property
    def _pair_similarities(self) -> np.ndarray:
        return truth_similarities(self.detections.keypoints.astype(float), self.truth, self.pairs, self.sigmas)


def evaluate(
    detections: CocoDetections, truth: CocoTruth, sigmas: np.ndarray, max_detections: int = 20
) -> CocoEvaluation:
    """Evaluate the best detections of each unit.

    Args:
        detections: by image.
        truth: the people to find.
        sigmas: of the keypoints (K,), relative to the root of the area.
        max_detections: how many detections of a unit count, those of the highest scores.
    """
    count = len(sigmas)
    if not len(truth.keypoints):  # without people nobody has said how many keypoints they have
        truth = truth._replace(keypoints=np.zeros((0, count, 2)), labelled=np.zeros((0, count), dtype=bool))
    rows, units = best(detections, len(truth.images), max_detections)
    chosen = detections.select(rows)
    if not len(rows):
        chosen = chosen._replace(keypoints=np.zeros((0, count, 2)), keypoint_scores=np.zeros((0, count)))
    return CocoEvaluation(chosen, rows, units, truth, np.asarray(sigmas))
