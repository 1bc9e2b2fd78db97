"""The pictures of a report: the label beside the prediction, of a person or of a whole image."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from hybridkp.inference.keypoint_canvas import KeypointCanvas

PANELS = ((320, 400), (360, 360))
"""Width and height in px of each of a person's two panels, of the upright and of others."""
HEIGHT = 400
"""The height in px of a landmark image's panels."""
SHOWN_SCORE = 0.2
"""A predicted keypoint that has no label is drawn from this score on."""
LEVEL = 5.991
"""The squared Mahalanobis distance of the ellipse that holds 95 %."""
_GAP = 6
_GREY = (120, 120, 120)
_QUALITY = 85
_NEAR = 40
"""A close-up is at least so many px of the image wide and high."""


class ReportCase(NamedTuple):
    """The points of one instance in px of its image; NaN where there are none."""

    labels: np.ndarray
    """(K, 2)."""
    points: np.ndarray
    """(K, 2)."""
    covariances: np.ndarray
    """(K, 2, 2)."""
    scores: np.ndarray
    """(K,)."""

    def moved(self, shift: tuple[float, float]) -> 'ReportCase':
        """Return it in px of a part of the image that begins at (x, y)."""
        return self._replace(labels=self.labels - shift, points=self.points - shift)

    @property
    def labelled(self) -> np.ndarray:
        """Say which keypoints (K,) have a label."""
        return np.isfinite(self.labels).all(axis=1)

    @property
    def shown(self) -> np.ndarray:
        """Say which predictions (K,) are drawn: those with a label, and the certain ones."""
        return np.isfinite(self.points).all(axis=1) & (self.labelled | (self.scores >= SHOWN_SCORE))


def panel_size(boxes: np.ndarray) -> tuple[int, int]:
    """Return the width and height in px of the panels that suit most of the boxes (N, 4): x, y, w, h."""
    return PANELS[int(np.median(boxes[:, 2] / np.maximum(boxes[:, 3], 1)) > 0.9)]


def person_picture(
    image: np.ndarray, box: np.ndarray, case: ReportCase, meta: dict, panel: tuple[int, int]
) -> np.ndarray:
    """Draw a person twice: with the labels at the left and with the predictions at the right.

    Args:
        image: (h, w, 3), uint8, BGR.
        box: x, y, w, h in px.
        case: the points.
        meta: colours and links, as in a data set's meta information.
        panel: the width and height in px of each half.
    """
    part, corner = _around_person(image, box, case, panel)
    zoom = panel[1] / part.shape[0]
    case = case.moved(corner)
    left, right = KeypointCanvas(part, zoom), KeypointCanvas(part, zoom)
    left.limbs(case.labels, case.labelled, meta['skeleton_links'], meta['skeleton_link_colors'])
    left.labels(case.labels, case.labelled, meta['keypoint_colors'])
    right.limbs(case.points, case.shown, meta['skeleton_links'], meta['skeleton_link_colors'])
    _predict(right, case, meta, (1.0,))
    return _side_by_side(left.image, right.image)


def landmark_picture(
    image: np.ndarray, case: ReportCase, meta: dict, spacing: tuple[float, float] | None, worst: int | None
) -> np.ndarray:
    """Draw a whole image with labels and predictions and, beside it, a close-up of its worst landmark.

    Args:
        image: (h, w, 3), uint8, BGR.
        case: the points.
        meta: colours, links and names, as in a data set's meta information.
        spacing: mm per px along x and y, for a scale bar.
        worst: the landmark in the close-up; None for none.
    """
    whole = KeypointCanvas(image, HEIGHT / image.shape[0])
    whole.links(case.points, case.shown, meta['skeleton_links'])
    _compare(whole, case, meta, (1.0,))
    if worst is None:
        return whole.image
    near, corner, zoom = _close_up(image, case, worst)
    beside = KeypointCanvas(near, zoom)
    _compare(beside, case.moved(corner), meta, (1.0, LEVEL))
    beside.name(case.labels[worst] - corner, meta['keypoint_id2name'][worst])
    if spacing is not None:
        beside.scale_bar(spacing[0])
    whole.frame(corner, near.shape[:2])
    return _side_by_side(whole.image, beside.image)


def data_uri(picture: np.ndarray) -> str:
    """Return a picture (h, w, 3), uint8, BGR, as the text that a page holds it by."""
    content = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return f'data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}'


def _compare(canvas: KeypointCanvas, case: ReportCase, meta: dict, scales: tuple[float, ...]) -> None:
    canvas.errors(case.labels, case.points, case.shown & case.labelled, meta['keypoint_colors'])
    canvas.labels(case.labels, case.labelled, meta['keypoint_colors'])
    _predict(canvas, case, meta, scales)


def _predict(canvas: KeypointCanvas, case: ReportCase, meta: dict, scales: tuple[float, ...]) -> None:
    """Draw predictions with ellipses of covariances times the scales; without covariances the dots alone."""
    known = np.isfinite(case.covariances).all(axis=(1, 2))
    for scale in scales:
        covariances = np.where(known[:, None, None], case.covariances, 0) * scale
        canvas.predictions(case.points, covariances, case.shown, meta['keypoint_colors'])


def _around_person(
    image: np.ndarray, box: np.ndarray, case: ReportCase, panel: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut out what holds a person's box and points, in the shape of a panel; return it and its corner (x, y)."""
    points = np.concatenate((case.labels[case.labelled], case.points[case.shown]))
    middle, half = box[:2] + box[2:] / 2, 0.8 * box[2:] + 10
    points = np.clip(points, middle - half, middle + half)
    corners = np.concatenate((box[None, :2], box[None, :2] + box[None, 2:], points))
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, size = (low + high) / 2, np.maximum(high - low, 8) * 1.12
    height = max(size[1], size[0] * panel[1] / panel[0])
    sides = (max(round(height * panel[0] / panel[1]), 1), max(round(height), 1))
    inside = [
        min(max(place, side / 2), whole - side / 2) if side <= whole else place
        for place, side, whole in zip(middle, sides, image.shape[1::-1], strict=True)
    ]
    return _cut(image, inside, sides)


def _close_up(image: np.ndarray, case: ReportCase, worst: int) -> tuple[np.ndarray, tuple[int, int], float]:
    """Cut out a square that holds a landmark's label and prediction; return it, its corner and the zoom."""
    ends = np.clip(np.stack((case.labels[worst], case.points[worst])), 0, image.shape[1::-1])
    side = max(_NEAR, round(2.2 * float(np.ptp(ends, axis=0).max())), round(image.shape[0] / 9))
    part, corner = _cut(image, ends.mean(axis=0), (side, side))
    return part, corner, HEIGHT / side


def _cut(image: np.ndarray, middle: Sequence[float], size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a part of a size (w, h) about a point (x, y), grey beyond the image, and its corner (x, y)."""
    x, y = (round(float(place) - side / 2) for place, side in zip(middle, size, strict=True))
    before = max(-y, 0), max(-x, 0)
    after = max(y + size[1] - image.shape[0], 0), max(x + size[0] - image.shape[1], 0)
    larger = cv2.copyMakeBorder(image, before[0], after[0], before[1], after[1], cv2.BORDER_CONSTANT, value=_GREY)
    top, left = y + before[0], x + before[1]
    return larger[top : top + size[1], left : left + size[0]], (x, y)


def _side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    gap = np.full((left.shape[0], _GAP, 3), 255, np.uint8)
    height = left.shape[0]
    if right.shape[0] != height:
        right = cv2.resize(right, (right.shape[1], height), interpolation=cv2.INTER_AREA)
    return np.concatenate((left, gap, right), axis=1)
