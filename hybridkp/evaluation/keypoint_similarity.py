"""Object keypoint similarity (OKS), and the suppression of detections by it; numpy alone.

The similarity of two sets of keypoints is the mean of exp(-d^2 / (2 area (2 sigma)^2)) over the keypoints, d their
distances; Lin et al., COCO 2016 keypoint evaluation (cocodataset.org/#keypoints-eval). Every operation is one of
xtcocotools or mmpose, in the same order and type, so that the results are theirs in every digit.
"""

from collections.abc import Iterator

import numpy as np

from hybridkp.evaluation.coco_truth import CocoTruth

_NUMBERS = 1 << 17
"""So many numbers are worked on at once: they stay in the cache."""


def keypoint_similarities(squares: np.ndarray, areas: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the similarity (..., K) of each keypoint.

    Args:
        squares: the squared distances (..., K) in px^2.
        areas: of the objects (...), in px^2.
        sigmas: of the keypoints (K,), relative to the root of the area.
    """
    ratios = squares / (sigmas * 2) ** 2
    ratios = ratios / (areas + np.spacing(1))[..., None]
    ratios /= -2
    return np.exp(ratios, out=ratios)


def truth_similarities(
    keypoints: np.ndarray, truth: CocoTruth, pairs: tuple[np.ndarray, np.ndarray], sigmas: np.ndarray
) -> np.ndarray:
    """Return the similarities (P,) of pairs of a detection and an annotated person.

    A keypoint that is not labelled does not count. Of a person without labelled keypoints, or a crowd without, the
    distances are those to the box, made three times as wide and high.

    Args:
        keypoints: of the detections (D, K, 2), float64.
        truth: the people.
        pairs: the indices (P,) of the detections and those of the people.
        sigmas: of the keypoints (K,).
    """
    similarities = np.empty(len(pairs[0]))
    counts = truth.labelled.sum(axis=1)
    step = max(1, _NUMBERS // max(1, 2 * len(sigmas)))
    for start in range(0, len(similarities), step):
        found, people = (indices[start : start + step] for indices in pairs)
        values = keypoint_similarities(_squares(keypoints[found], truth, people), truth.areas[people], sigmas)
        chunk = similarities[start : start + step]
        for count in np.unique(counts[people]):
            rows = np.flatnonzero(counts[people] == count)
            labelled = values[rows]
            if count:  # without gaps, so that sums are taken in the same order
                labelled = labelled[truth.labelled[people[rows]]].reshape(len(rows), count)
            chunk[rows] = labelled.sum(axis=1) / labelled.shape[1]
    return similarities


def labelled_similarities(points: np.ndarray, truth: CocoTruth, people: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the similarity (N, K) of each point (N, K, 2) to those of a person (N,), NaN where nothing is labelled."""
    values = keypoint_similarities(_squares(points, truth, people), truth.areas[people], sigmas)
    return np.where(truth.labelled[people], values, np.nan)


def _squares(points: np.ndarray, truth: CocoTruth, people: np.ndarray) -> np.ndarray:
    """Return the squared distances (P, K) of points (P, K, 2) to people's keypoints, or to their enlarged boxes."""
    shifts = points - truth.keypoints[people]
    boxed = np.flatnonzero(~truth.labelled.any(axis=1)[people])
    corners, sizes = np.split(truth.boxes[people[boxed]][:, None], 2, axis=2)
    shifts[boxed] = np.maximum(0, corners - sizes - points[boxed])
    shifts[boxed] += np.maximum(0, points[boxed] - (corners + sizes * 2))
    return shifts[..., 0] ** 2 + shifts[..., 1] ** 2


def survivors(
    keypoints: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    images: np.ndarray,
    sigmas: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Return which detections suppression leaves, by image, in an image from the highest score to the lowest.

    In each image the detection of the highest score takes out all whose similarity with it is over the threshold, then
    the next of those that are left does, and so on: mmpose's ``oks_nms``. An area is the mean of the two.

    Args:
        keypoints: (D, K, 2) in px.
        scores: (D,).
        areas: (D,) in px^2.
        images: (D,) ascending.
        sigmas: of the keypoints (K,).
        threshold: at which similarity both stay.
    """
    kept = [np.zeros(0, dtype=np.int64)]
    for rows in rows_by_count(images):
        order = scores[rows].argsort(axis=1)[:, ::-1]  # not stable, like mmpose's
        rows = np.take_along_axis(rows, order, axis=1)
        count = rows.shape[1]
        step = max(1, 2 * _NUMBERS // (count * count * len(sigmas)))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            kept.append(part[_left(keypoints[part], areas[part], sigmas, threshold)])
    kept = np.concatenate(kept)
    return kept[np.argsort(images[kept], kind='stable')]


def rows_by_count(groups: np.ndarray) -> Iterator[np.ndarray]:
    """Give the indices (M, N) of the members of all groups that have N members, for each such N.

    Args:
        groups: what each belongs to, ascending.
    """
    _, starts, counts = np.unique(groups, return_index=True, return_counts=True)
    for count in np.unique(counts):
        yield starts[counts == count][:, None] + np.arange(count)


def _left(keypoints: np.ndarray, areas: np.ndarray, sigmas: np.ndarray, threshold: float) -> np.ndarray:
    """Return which detections (M, N) of M images stay, of keypoints (M, N, K, 2) and areas (M, N), best first."""
    images, count = areas.shape
    first, second = np.triu_indices(count, 1)
    shifts = keypoints[:, second] - keypoints[:, first]
    squares = shifts[..., 0] ** 2 + shifts[..., 1] ** 2
    values = keypoint_similarities(squares, (areas[:, first] + areas[:, second]) / 2, sigmas)
    alike = ~((values.sum(axis=-1) / len(sigmas)).astype(np.float32) <= threshold)
    left = np.ones((images, count), dtype=bool)
    if alike.any():
        takes_out = np.zeros((images, count, count), dtype=bool)
        takes_out[:, first, second] = alike
        for i in range(count):
            left &= ~(takes_out[:, i] & left[:, i, None])
    return left
