"""The errors of a landmark set's predictions, for a report."""

from typing import NamedTuple

import numpy as np

from hybridkp.evaluation.radial_statistics import radial
from hybridkp.inference.report_source import ReportSource


class ReportLandmarkErrors(NamedTuple):
    """The landmarks of N images, in the order of their names; NaN where there are none."""

    images: list
    """The ids."""
    labels: np.ndarray
    """(N, K, 2) px."""
    points: np.ndarray
    """(N, K, 2) px."""
    covariances: np.ndarray
    """(N, K, 2, 2) px^2."""
    scores: np.ndarray
    """(N, K)."""
    vectors: np.ndarray
    """Prediction minus label (N, K, 2), in the unit of the report."""
    scale: np.ndarray
    """(N, 2), the unit per px."""
    between: np.ndarray | None
    """The mean distance of any two readers (N, K) in the unit; None without two readers."""

    @property
    def errors(self) -> np.ndarray:
        """Return the radial errors (N, K)."""
        return radial(self.vectors)

    @property
    def claims(self) -> np.ndarray:
        """Return the covariances (N, K, 2, 2) in the unit squared."""
        return self.covariances * (self.scale[:, :, None] * self.scale[:, None, :])[:, None]


def measure(source: ReportSource) -> ReportLandmarkErrors:
    """Pair the labelled instance of each image with the prediction of the highest score."""
    truth, found = source.truth, source.results.detections
    people = np.flatnonzero(~truth.ignored)
    places = truth.units[people] % len(truth.images)
    ids = [truth.images[i] for i in places]
    order = np.argsort(np.array([source.image_name(image) for image in ids]), kind='stable')
    people, places, ids = people[order], places[order], [ids[i] for i in order]
    best = dict.fromkeys(places.tolist(), -1)
    for row in np.argsort(found.scores, kind='stable'):
        if int(found.images[row]) in best:
            best[int(found.images[row])] = int(row)
    rows = np.array([best[int(place)] for place in places])
    known = rows >= 0
    shape = len(rows), source.num_keypoints
    points, covariances, scores = (np.full((*shape, *rest), np.nan) for rest in ((2,), (2, 2), ()))
    points[known], scores[known] = found.keypoints[rows[known]], found.keypoint_scores[rows[known]]
    covariances[known] = source.results.covariances[rows[known]]
    labels = np.where(truth.labelled[people][..., None], truth.keypoints[people], np.nan)
    scale = np.ones((len(ids), 2)) if source.unit == 'px' else np.array([source.spacing(image) for image in ids])
    vectors = (points - labels) * scale[:, None]
    return ReportLandmarkErrors(
        ids, labels, points, covariances, scores, vectors, scale, _between_readers(source, ids, scale)
    )


def _between_readers(source: ReportSource, ids: list, scale: np.ndarray) -> np.ndarray | None:
    """Return the mean distance (N, K) of any two readers of an image, None where no image has two."""
    distances = np.full((len(ids), source.num_keypoints), np.nan)
    rows = {image: i for i, image in enumerate(ids)}
    for annotation in source.records['annotations']:
        readers = list((annotation.get('readers') or {}).values())
        if len(readers) > 1 and annotation['image_id'] in rows:
            row = rows[annotation['image_id']]
            triples = np.array(readers, dtype=float).reshape(len(readers), -1, 3)
            points = np.where(triples[..., 2:] > 0, triples[..., :2], np.nan) * scale[row]
            first, second = np.triu_indices(len(readers), 1)
            apart = radial(points[first] - points[second])
            seen = np.isfinite(apart)
            sums = np.where(seen, apart, 0).sum(axis=0)
            distances[row] = np.where(seen.any(axis=0), sums / np.maximum(seen.sum(axis=0), 1), np.nan)
    return distances if np.isfinite(distances).any() else None
