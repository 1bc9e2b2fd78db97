"""COCO keypoint results from a file, whoever wrote it, as what an evaluation takes."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_detections import CocoDetections
from hybridkp.evaluation.coco_truth import CocoTruth
from hybridkp.evaluation.keypoint_similarity import survivors

KEYS = ('image_id', 'keypoints', 'score')
"""What an entry has to have."""


class CocoResults(NamedTuple):
    """The D entries of a result file, ordered by image, those of an image as in the file."""

    detections: CocoDetections
    """Numbers of an entry; its box is that of its keypoints where it has none, as for COCO evaluators."""
    covariances: np.ndarray
    """(D, K, 2, 2) in px^2, NaN where an entry has none."""
    entries: np.ndarray
    """(D,), the numbers of the entries in the file, from 0."""
    protocol: dict | None
    """How the results came about, see `protocol.py`; None where the file does not say it."""

    def select(self, rows: np.ndarray) -> 'CocoResults':
        """Return some of them, by indices or a mask."""
        return CocoResults(
            self.detections.select(rows), self.covariances[rows], self.entries[rows], protocol=self.protocol
        )


def read_entries(path: str | Path) -> list[dict]:
    """Read the entries of a result file.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not JSON, or not a list of dicts.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    try:
        entries = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f'{path}: expected JSON in UTF-8, got a broken or truncated file ({error})') from error
    if not isinstance(entries, list):
        raise InputError(f'{path}: expected COCO results, a list of entries, got a {type(entries).__name__}')
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise InputError(f'{path}: entry {i}: expected a dict, got {entry!r:.80}')
    return entries


def read_coco_results(path: str | Path, truth: CocoTruth, num_keypoints: int | None = None) -> CocoResults:
    """Read a file of COCO keypoint results, of hybridkp or of others, and check every entry.

    Entries have ``image_id``, ``keypoints`` [x, y, score, ...] in image px and ``score``; ``category_id`` may be left
    out where the annotations have one category only. They may have ``bbox`` [x, y, w, h] and ``keypoint_covariances``,
    [xx, xy, yy] in px^2 of each keypoint, and ``crop_area``, in px^2, for the suppression of duplicates.

    Args:
        path: the file.
        truth: the people to find.
        num_keypoints: K, where the truth has nobody.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file or an entry is wrong; the message names both. Entries count from 0.
    """
    entries = read_entries(path)
    count = truth.keypoints.shape[1] or num_keypoints or 0
    images, categories = _places(path, entries, truth)
    values = _numbers(path, entries, 'keypoints', (3 * count,)).reshape(-1, count, 3)
    boxes = _boxes(path, entries, values[..., :2])
    detections = CocoDetections(
        images=images,
        categories=categories,
        keypoints=np.ascontiguousarray(values[..., :2]),
        keypoint_scores=np.ascontiguousarray(values[..., 2]),
        scores=_numbers(path, entries, 'score', ()),
        boxes=boxes,
        sides=_sides(path, entries, values[..., :2]),
    )
    protocol = entries[0].get('protocol') if entries else None
    if protocol is not None and not isinstance(protocol, dict):
        raise InputError(f'{path}: entry 0: expected a dict as protocol, got {protocol!r:.80}')
    results = CocoResults(detections, _covariances(path, entries, count), np.arange(len(entries)), protocol)
    return results.select(np.argsort(images, kind='stable'))


def without_duplicates(results: CocoResults, sigmas: np.ndarray, threshold: float | None) -> CocoResults:
    """Leave one of the entries of an image that are more similar than a threshold; None leaves all.

    The area that the similarity takes is the entry's ``crop_area`` or, where it has none, the extent of its keypoints.
    """
    if threshold is None:
        return results
    found = results.detections
    areas = found.sides[:, 0] * found.sides[:, 1]
    return results.select(survivors(found.keypoints, found.scores, areas, found.images, sigmas, threshold))


def _places(path: str | Path, entries: list[dict], truth: CocoTruth) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the entries' images (D,) and categories (D,)."""
    images = {image: i for i, image in enumerate(truth.images)}
    categories = {category: i for i, category in enumerate(truth.categories)}
    only = truth.categories[0] if len(truth.categories) == 1 else None
    found = []
    for i, entry in enumerate(entries):
        if missing := [key for key in KEYS if key not in entry]:
            raise InputError(f'{path}: entry {i}: expected the keys {list(KEYS)}, got none of {missing}')
        place = _get(images, entry['image_id'])
        if place is None:
            raise InputError(
                f'{path}: entry {i}: expected the id of an image of the annotations, got image_id {entry["image_id"]!r}'
            )
        category = _get(categories, entry.get('category_id', only))
        if category is None:
            raise InputError(
                f'{path}: entry {i}: expected a category of the annotations, of {truth.categories}, '
                f'got category_id {entry.get("category_id")!r}'
            )
        found.append((place, category))
    return tuple(np.array(found, dtype=np.int64).reshape(-1, 2).T)


def _get(places: dict, key: object) -> int | None:
    return places.get(key) if isinstance(key, int | float | str) else None


def _boxes(path: str | Path, entries: list[dict], points: np.ndarray) -> np.ndarray:
    """Return the boxes (D, 4): x, y, w, h; those of the points (D, K, 2) where an entry has none."""
    if not points.size:
        return np.zeros((len(points), 4))
    corner = points.min(axis=1)
    return _optional(path, entries, 'bbox', np.concatenate((corner, points.max(axis=1) - corner), axis=1))


def _sides(path: str | Path, entries: list[dict], points: np.ndarray) -> np.ndarray:
    """Return two numbers (D, 2) whose product is the area for the suppression."""
    extents = np.ptp(points, axis=1) if points.size else np.zeros((len(points), 2))
    areas = _optional(path, entries, 'crop_area', extents.prod(axis=1))
    return np.stack((areas, np.ones(len(areas))), axis=1)


def _covariances(path: str | Path, entries: list[dict], count: int) -> np.ndarray:
    triples = _optional(path, entries, 'keypoint_covariances', np.full((len(entries), count, 3), np.nan))
    return triples[..., [0, 1, 1, 2]].reshape(len(entries), count, 2, 2)


def _optional(path: str | Path, entries: list[dict], key: str, default: np.ndarray) -> np.ndarray:
    """Return the numbers of those entries that have them, and the default (D, ...) of all others."""
    missing = np.array([entry.get(key) in (None, []) for entry in entries], dtype=bool)
    if missing.all():
        return default
    filler = np.zeros(default.shape[1:]).tolist()
    every = [{key: filler if lacks else entry[key]} for entry, lacks in zip(entries, missing, strict=True)]
    values = _numbers(path, every, key, default.shape[1:])
    values[missing] = default[missing]
    return values


def _numbers(path: str | Path, entries: list[dict], key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Make one array (D, *shape) of what the entries have there, after checking that all of it is finite."""
    rows = [entry[key] for entry in entries]
    array = _finite(rows, (len(rows), *shape))
    if array is not None:
        return array
    for i, row in enumerate(rows):
        if _finite(row, shape) is None:
            wanted = f'finite numbers of shape {shape}' if shape else 'a finite number'
            if key == 'keypoints':
                wanted = f'{shape[0] // 3} times x, y and score, all finite,'
            raise InputError(f'{path}: entry {i}: expected {wanted} as {key}, got {_given(row, shape)}')
    return np.zeros((0, *shape))


def _finite(values: object, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return an array of what is all finite numbers of a shape, else None."""
    try:
        array = np.array(values)
    except ValueError:
        return None
    known = array.shape == shape and array.dtype.kind in 'iuf' and np.isfinite(array).all()
    return array.astype(float) if known else None


def _given(row: object, shape: tuple[int, ...]) -> str:
    """Say what is wrong with numbers."""
    if isinstance(row, list) and len(shape) == 1:
        if len(row) != shape[0]:
            return f'{len(row)} numbers'
        wrong = next((i for i, value in enumerate(row) if _finite(value, ()) is None), 0)
        return f'{row[wrong]!r:.80} as number {wrong}'
    return f'{row!r:.80}'
