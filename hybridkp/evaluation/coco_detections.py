"""What a COCO keypoint evaluation measures."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_truth import CocoTruth
from hybridkp.evaluation.keypoint_similarity import survivors

SCORE_MODES = ('bbox', 'keypoint', 'bbox_keypoint', 'bbox_rle')
SCORE_THRESHOLD = 0.2
"""A keypoint with a lower score does not count in the mode ``bbox_keypoint``."""


class CocoDetections(NamedTuple):
    """D detections; the numbers are of the type that the predictions have, as sums and ties depend on it."""

    images: np.ndarray
    """(D,), index into the images of the truth."""
    categories: np.ndarray
    """(D,), index into the categories of the truth, or -1."""
    keypoints: np.ndarray
    """(D, K, 2) in image px."""
    keypoint_scores: np.ndarray
    """(D, K)."""
    scores: np.ndarray
    """(D,), by which detections are sorted."""
    boxes: np.ndarray
    """(D, 4): x, y, w, h in image px."""
    sides: np.ndarray
    """(D, 2): w, h in px, whose product is the area for the suppression."""

    def select(self, rows: np.ndarray) -> 'CocoDetections':
        """Return some of them, by indices or a mask."""
        return CocoDetections(*(values[rows] for values in self))

    @property
    def areas(self) -> np.ndarray:
        """The areas of the boxes (D,) in px^2, float64."""
        return self.boxes[:, 2].astype(float) * self.boxes[:, 3].astype(float)


def prediction(sample: dict, category_ids: Sequence[int] | None = None) -> SimpleNamespace:
    """Take from a sample what an evaluation needs: small arrays of its N instances.

    Boxes that are not there are those of the keypoints; so is the area for the suppression where the sample's ground
    truth has no ``bbox_scales`` of the same number. Box scores that are not there are those of the ground truth, or 1.

    Args:
        sample: as an estimator gives it, as a dict.
        category_ids: see `categories`.
    """
    pred, gt = sample['pred_instances'], sample.get('gt_instances', {})
    points = np.asarray(pred['keypoints'])
    scores = pred.get('bbox_scores', gt.get('bbox_scores', None))
    if scores is None or len(scores) != len(points):
        scores = np.ones(len(points))
    boxes, sides = pred.get('bboxes', None), gt.get('bbox_scales', None)
    if boxes is None:
        boxes = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1).astype(float)
    if sides is None or len(sides) != len(points):
        sides = np.ptp(points, axis=1)
    return SimpleNamespace(
        image=_plain(sample['img_id']),
        id=_plain(sample['id']),
        categories=categories(sample, category_ids),
        keypoints=points,
        keypoint_scores=np.asarray(pred['keypoint_scores']),
        bboxes=np.asarray(boxes),
        bbox_scores=np.asarray(scores),
        sides=np.asarray(sides),
    )


def categories(sample: dict, category_ids: Sequence[int] | None) -> np.ndarray:
    """Return the categories (N,) of a sample's N instances, as annotations number them.

    They are those of the classes that a detector found, ``pred_instances.labels``, or else the sample's, or 1.

    Args:
        sample: as an estimator gives it, as a dict.
        category_ids: the categories' numbers by class, ``category_ids`` of the data set's meta information; by default
            classes are numbered from 1.
    """
    pred = sample['pred_instances']
    labels = pred.get('labels', None)
    if labels is None:
        return np.full(len(pred['keypoints']), int(sample.get('category_id', 1)))
    labels = np.asarray(labels, dtype=np.int64)
    return labels + 1 if category_ids is None else np.asarray(category_ids, dtype=np.int64)[labels]


def collect(predictions: Sequence[SimpleNamespace], truth: CocoTruth, score_mode: str, source: str) -> CocoDetections:
    """Put predictions together, by image and id, each sample once.

    Args:
        predictions: what `prediction` gives.
        truth: the people to find.
        score_mode: what a detection's score is: that of its box; the mean of its keypoints'; the box's times the mean
            of its keypoints' over 0.2; or the sum of the box's, the mean and the greatest of its keypoints'.
        source: what a message calls the truth: the file.

    Raises:
        InputError: a prediction is of no image of the truth or not finite; the message names it.
    """
    if not predictions:
        return _nothing(truth.keypoints.shape[1])
    once = {}
    for found in predictions:
        once.setdefault((found.image, found.id), found)
    places = {image: i for i, image in enumerate(truth.images)}
    if strange := [one for one in once.values() if one.image not in places]:
        raise InputError(f'{source}: sample {strange[0].id} is of image {strange[0].image}, which is not in this file')
    found = [once[key] for key in sorted(once)]
    columns = {category: i for i, category in enumerate(truth.categories)}
    counts = [len(one.keypoints) for one in found]
    keys = ('keypoints', 'keypoint_scores', 'bboxes', 'bbox_scores', 'sides')
    arrays = {key: np.concatenate([getattr(one, key) for one in found]) for key in keys}
    _check_finite(arrays, np.repeat(np.arange(len(found)), counts), found, source)
    boxes, kind = arrays['bboxes'], np.result_type(arrays['keypoints'], arrays['keypoint_scores'])
    return CocoDetections(
        images=np.repeat([places[one.image] for one in found], counts),
        categories=np.array([columns.get(category, -1) for one in found for category in one.categories.tolist()]),
        keypoints=arrays['keypoints'].astype(kind),
        keypoint_scores=arrays['keypoint_scores'].astype(kind),
        scores=joint_scores(arrays['keypoint_scores'], arrays['bbox_scores'], score_mode),
        boxes=np.concatenate((boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]), axis=1),
        sides=arrays['sides'],
    )


def suppress(detections: CocoDetections, sigmas: np.ndarray, threshold: float) -> CocoDetections:
    """Leave one of the detections of an image that are more similar than the threshold."""
    areas = detections.sides[:, 0] * detections.sides[:, 1]
    points, scores, images = detections.keypoints, detections.scores, detections.images
    return detections.select(survivors(points, scores, areas, images, sigmas, threshold))


def best(detections: CocoDetections, images: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (D,) of the best detections of each unit and their units (D,).

    They are ordered by unit, in a unit from the highest score to the lowest.

    A detection of a category that the truth does not have, or without a keypoint score above 0, is left out.

    Args:
        detections: by image.
        images: how many the truth has.
        count: how many detections a unit may have.
    """
    rows = np.flatnonzero((detections.categories >= 0) & (detections.keypoint_scores > 0).any(axis=1))
    units = detections.categories[rows] * images + detections.images[rows]
    order = np.lexsort((-detections.scores[rows], units))
    rows, units = rows[order], units[order]
    _, starts, counts = np.unique(units, return_index=True, return_counts=True)
    ranks = np.arange(len(units)) - np.repeat(starts, counts)
    return rows[ranks < count], units[ranks < count]


def _nothing(keypoints: int) -> CocoDetections:
    indices, shapes = np.zeros(0, dtype=np.int64), ((0, keypoints, 2), (0, keypoints), (0,), (0, 4), (0, 2))
    return CocoDetections(indices, indices, *(np.zeros(shape) for shape in shapes))


def _plain(value: object) -> object:
    """Return an id as something to compare: a number or a text, or a tuple of them."""
    if hasattr(value, 'tolist'):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def _check_finite(arrays: dict, samples: np.ndarray, found: list[SimpleNamespace], source: str) -> None:
    for key, values in arrays.items():
        wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if wrong.any():
            one = found[samples[wrong.argmax()]]
            raise InputError(
                f'{source}: image {one.image}, sample {one.id}: expected finite predictions, got {key} that are '
                'not; COCO evaluators take a keypoint that is NaN for one that is right'
            )


def joint_scores(keypoints: np.ndarray, boxes: np.ndarray, mode: str) -> np.ndarray:
    """Return the scores (D,) of detections with those of their keypoints (D, K) and boxes (D,), see `collect`."""
    if mode == 'bbox':
        return boxes
    if mode == 'keypoint':
        return keypoints.mean(axis=1)
    if mode == 'bbox_rle':
        return (boxes + keypoints.mean(axis=1) + keypoints.max(axis=1)).astype(float)
    counted = keypoints > SCORE_THRESHOLD
    sums = np.zeros(len(keypoints), dtype=keypoints.dtype)
    for column in np.where(counted, keypoints, 0).T:  # one after another, as rounding depends on it
        sums += column
    return boxes * (sums / np.maximum(counted.sum(axis=1), 1).astype(keypoints.dtype))
