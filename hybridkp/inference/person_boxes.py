"""Boxes of people that a file has."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybridkp.datasets.coco_json import read_json
from hybridkp.errors import InputError
from hybridkp.inference.image_records import ImageRecords
from hybridkp.inference.media_frame import MediaFrame

PERSON = 1
"""The category that is taken where a file has several: COCO's people."""

Boxes = tuple[np.ndarray, np.ndarray]


class PersonBoxes:
    """The boxes of a file by the image that they are in.

    The file is either of COCO annotations, whose ``images`` say by their ``file_name`` which image is meant, or a list
    of detections, each with ``bbox`` [x, y, w, h] in px, ``score`` and ``file_name`` or, where that is missing, an
    ``image_id`` that is the image's name, as in COCO's ``000000000885.jpg``. Detections of a video have ``frame`` as
    well, from 0. So what this package's inference writes has boxes.

    Crowds are left out, and boxes without an area. Annotated boxes are cut at the image's last pixels, as to train on.
    Of a file with several categories those of category 1 are taken.

    Args:
        path: the file.
        minimum: boxes with a lower score are left out; annotated boxes have a score of 1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file or a record is wrong; the message names both.
    """

    def __init__(self, path: str | Path, minimum: float = 0.0):
        self.path = str(path)
        content = read_json(self.path)
        if isinstance(content, dict):
            found = _annotated(self.path, content)
        elif isinstance(content, list):
            found = [_detected(f'{self.path}: detection {i}', entry) for i, entry in enumerate(content)]
        else:
            raise InputError(f'{self.path}: expected COCO annotations or detections, got a {type(content).__name__}')
        self._boxes: dict[tuple[str | int, int | None], list[_Box]] = {}
        for box in _of_one_category(self.path, found):
            place = self._boxes.setdefault((box.image, box.frame), [])
            if box.score >= minimum and min(box.corners[2:] - box.corners[:2]) > 0:
                place.append(box)
        self._records = ImageRecords(image for image, _ in self._boxes)

    def __contains__(self, path: str) -> bool:
        """Say whether the file names an image or a video."""
        return self._records.find(path) is not None

    def find(self, frame: MediaFrame, size: tuple[int, int]) -> Boxes:
        """Give the boxes of an image (N, 4), left, top, right, bottom in px, and their scores (N,), both float32.

        Args:
            frame: the image.
            size: its (h, w).
        """
        boxes = self._boxes.get((self._records.find(frame.path), frame.number), [])
        last = np.array([size[1] - 1, size[0] - 1] * 2, dtype=np.float32)
        corners = [box.corners.clip(0, last) if box.labelled else box.corners for box in boxes]
        scores = np.array([box.score for box in boxes], dtype=np.float32)
        corners = np.array(corners, dtype=np.float32).reshape(-1, 4)
        there = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        return corners[there], scores[there]


class _Box(NamedTuple):
    """One box: its image's name or number, its frame's number, left, top, right, bottom in px, and what it is of."""

    image: str | int
    frame: int | None
    corners: np.ndarray
    score: float
    category: object
    labelled: bool


def _annotated(path: str, content: dict) -> list[_Box]:
    for key in ('images', 'annotations'):
        if not isinstance(content.get(key), list):
            raise InputError(f'{path}: expected COCO annotations with a list "{key}", got the keys {list(content)}')
    names = {}
    for i, image in enumerate(content['images']):
        _check(f'{path}: image {i} of the list', image, ('id', 'file_name'))
        names[image['id']] = str(image['file_name'])
    found = []
    for i, annotation in enumerate(content['annotations']):
        where = f'{path}: annotation {i} of the list'
        _check(where, annotation, ('image_id',))
        if annotation.get('iscrowd') or 'bbox' not in annotation:
            continue
        if annotation['image_id'] not in names:
            raise InputError(f'{where}: expected the id of an image, got image_id {annotation["image_id"]!r}')
        name, category = names[annotation['image_id']], annotation.get('category_id')
        found.append(_Box(name, None, _corners(where, annotation['bbox']), 1.0, category, True))
    return found


def _detected(where: str, entry: dict) -> _Box:
    _check(where, entry, ('bbox', 'score'))
    image, frame = entry.get('file_name', entry.get('image_id')), entry.get('frame')
    if not isinstance(image, str | int):
        raise InputError(f'{where}: expected a key "file_name" or "image_id", got {list(entry)}')
    if frame is not None and not isinstance(frame, int):
        raise InputError(f'{where}: expected the number of a frame, got {frame!r}')
    score = entry['score']
    if not isinstance(score, int | float) or not np.isfinite(score):
        raise InputError(f'{where}: expected a finite score, got {score!r}')
    return _Box(image, frame, _corners(where, entry['bbox']), float(score), entry.get('category_id'), False)


def _of_one_category(path: str, boxes: list[_Box]) -> list[_Box]:
    categories = {box.category for box in boxes}
    if len(categories) > 1 and PERSON not in categories:
        raise InputError(
            f'{path}: expected boxes of one category or of category {PERSON}, got {sorted(categories, key=str)}'
        )
    return [box for box in boxes if len(categories) == 1 or box.category == PERSON]


def _check(where: str, record: object, keys: tuple[str, ...]) -> None:
    if not isinstance(record, dict):
        raise InputError(f'{where}: expected a dict, got a {type(record).__name__}')
    for key in keys:
        if key not in record:
            raise InputError(f'{where}: expected a key "{key}", got {list(record)}')


def _corners(where: str, box: object) -> np.ndarray:
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(value, int | float) for value in box)
    if not numbers or not np.isfinite(box).all() or min(box[2:]) < 0:
        raise InputError(f'{where}: expected x, y, width and height in px as bbox, got {box!r}')
    x, y, width, height = box
    return np.array([x, y, x + width, y + height], dtype=np.float32)
