"""What a COCO keypoint evaluation measures against."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybridkp.errors import InputError

KEYS = ('id', 'image_id', 'category_id', 'keypoints', 'bbox', 'area')
"""What an annotation has to have."""


class CocoTruth(NamedTuple):
    """The G annotated people of a file, crowds included, ordered by their units, in a unit as in the file.

    A unit is one category in one image: the index of the category times the number of images plus the index of the
    image. Detections are compared with the people of their own unit only.
    """

    images: list
    """The ids, ascending."""
    categories: list
    """The ids, ascending."""
    units: np.ndarray
    """(G,)."""
    keypoints: np.ndarray
    """(G, K, 2) in image px."""
    labelled: np.ndarray
    """(G, K), bool."""
    boxes: np.ndarray
    """(G, 4): x, y, w, h in image px."""
    areas: np.ndarray
    """(G,) in px^2."""
    crowds: np.ndarray
    """(G,), bool."""

    @property
    def ignored(self) -> np.ndarray:
        """Who is not to be found (G,): crowds and people without labelled keypoints."""
        return self.crowds | ~self.labelled.any(axis=1)


def read_records(path: str) -> dict:
    """Read an annotation file.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not JSON with images and annotations.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    try:
        records = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f'{path}: expected JSON in UTF-8, got a broken or truncated file ({error})') from error
    if not isinstance(records, dict) or not all(isinstance(records.get(k), list) for k in ('images', 'annotations')):
        raise InputError(f'{path}: expected COCO annotations, a dict with the lists "images" and "annotations"')
    return records


def arrange(records: dict, source: str) -> CocoTruth:
    """Check annotations, a dict with ``images``, ``annotations`` and perhaps ``categories``, and make arrays of them.

    Args:
        records: as they are in a file.
        source: what a message calls them: the file.

    Raises:
        InputError: a record is wrong; the message names it.
    """
    annotations = records['annotations']
    if wrong := [image for image in records['images'] if not isinstance(image, dict) or 'id' not in image]:
        raise InputError(f'{source}: expected images with an id, got {wrong[0]}')
    images = sorted({image['id'] for image in records['images']})
    places = {image: i for i, image in enumerate(images)}
    _check(annotations, places, source)
    named = records.get('categories') or [dict(id=annotation['category_id']) for annotation in annotations]
    categories = sorted({category['id'] for category in named})
    columns = {category: i for i, category in enumerate(categories)}
    annotations = [annotation for annotation in annotations if annotation['category_id'] in columns]
    units = [columns[a['category_id']] * len(images) + places[a['image_id']] for a in annotations]
    order = np.argsort(np.array(units, dtype=np.int64), kind='stable')
    annotations = [annotations[i] for i in order]
    triples = _numbers(annotations, 'keypoints', source)
    triples = triples.reshape(len(triples), -1 if len(triples) else 0, 3)
    return CocoTruth(
        images=images,
        categories=categories,
        units=np.array(units, dtype=np.int64)[order],
        keypoints=np.ascontiguousarray(triples[..., :2]),
        labelled=triples[..., 2] > 0,
        boxes=_numbers(annotations, 'bbox', source).reshape(-1, 4),
        areas=_numbers(annotations, 'area', source),
        crowds=np.array([bool(annotation.get('iscrowd', 0)) for annotation in annotations], dtype=bool),
    )


def _check(annotations: Sequence, images: dict, source: str) -> None:
    for i, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            raise InputError(f'{source}: annotation {i} of the list: expected a dict, got {annotation!r}')
        missing = [key for key in KEYS if key not in annotation]
        where = f'{source}: annotation {annotation.get("id", f"{i} of the list")}'
        if missing:
            raise InputError(f'{where}: expected the keys {list(KEYS)} to evaluate with, got none of {missing}')
        if annotation['image_id'] not in images:
            raise InputError(f'{where}: expected the id of an image of this file, got {annotation["image_id"]}')
        first, values = annotations[0]['keypoints'], annotation['keypoints']
        if not isinstance(values, list) or not values or len(values) % 3 or len(values) != len(first):
            raise InputError(f'{where}: expected as many keypoints (x, y, visibility) as in the first, got {values}')
        if len(annotation['bbox']) != 4:
            raise InputError(f'{where}: expected x, y, w and h as bbox, got {annotation["bbox"]}')
    if len({annotation['id'] for annotation in annotations}) < len(annotations):
        raise InputError(f'{source}: expected annotations with ids of their own, got some id more than once')


def _numbers(annotations: list[dict], key: str, source: str) -> np.ndarray:
    """Make one array of what the annotations have there, after checking that it is finite."""
    rows = [annotation[key] for annotation in annotations]
    try:
        array = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if np.isfinite(array).all():
        return array
    for annotation, row in zip(annotations, rows, strict=True):
        if not _is_finite(row):
            raise InputError(f'{source}: annotation {annotation["id"]}: expected finite numbers as {key}, got {row}')
    raise InputError(f'{source}: expected finite numbers as {key} of the annotations')


def _is_finite(row: object) -> bool:
    try:
        return bool(np.isfinite(np.array(row, dtype=np.float64)).all())
    except (TypeError, ValueError):
        return False
