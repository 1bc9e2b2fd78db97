"""Reading and checking of COCO keypoint annotations and COCO detection results."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from hybridkp.datasets.landmark_json import check_pixel_spacings, check_readers
from hybridkp.errors import InputError


def read_annotations(path: str, num_keypoints: int, names: Sequence[str]) -> dict:
    """Read a COCO keypoint annotation file and check every record that a dataset will rely on.

    Annotations without a box or without keypoints, crowds and people without labelled keypoints may be there;
    they are kept.

    Args:
        path: The JSON file.
        num_keypoints: How many keypoints an annotation has to have.
        names: The keypoint names, in order, that a category has to have where it gives any.

    Returns:
        The file's content: a dict with at least ``images`` and ``annotations``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file or a record is wrong; the message names both.
    """
    coco = read_json(path)
    if not isinstance(coco, dict):
        raise InputError(
            f'{path}: expected COCO annotations (a dict with images and annotations), '
            f'got a {type(coco).__name__}{", perhaps a detection result" if isinstance(coco, list) else ""}'
        )
    for key in ('images', 'annotations'):
        if not isinstance(coco.get(key), list):
            raise InputError(f'{path}: expected COCO annotations with a list "{key}", got the keys {list(coco)}')
    _check_categories(path, coco.get('categories') or [], list(names))
    image_ids = _check_images(path, coco['images'])
    check_pixel_spacings(path, coco)
    _check_annotations(path, coco['annotations'], image_ids)
    posed = [a for a in coco['annotations'] if 'bbox' in a and 'keypoints' in a]
    if posed:
        _check_keypoints(path, posed, num_keypoints)
        check_readers(path, posed, num_keypoints)
        _check_boxes(path, posed)
    return coco


def read_detections(path: str, image_ids: Collection[int]) -> list:
    """Read a COCO detection result file and check each of its boxes.

    Args:
        path: The JSON file: a list of dicts with ``image_id``, ``category_id``, ``bbox`` (x, y, w, h in px,
            neither w nor h negative) and ``score``.
        image_ids: The ids that an ``image_id`` may have.

    Returns:
        The file's content.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file or a detection is wrong; the message names both.
    """
    detections = read_json(path)
    if not isinstance(detections, list):
        raise InputError(f'{path}: expected a list of detections, got a {type(detections).__name__}')
    known = set(image_ids)
    for i, detection in enumerate(detections):
        where = f'{path}: detection {i}'
        if not isinstance(detection, dict):
            raise InputError(f'{where}: expected a dict, got a {type(detection).__name__}')
        for key in ('image_id', 'category_id', 'bbox', 'score'):
            if key not in detection:
                raise InputError(f'{where}: expected a key "{key}", got {list(detection)}')
        if detection['image_id'] not in known:
            raise InputError(f'{where}: expected the id of an annotated image, got image_id {detection["image_id"]}')
    if detections:
        boxes = _numbers(path, 'detection', range(len(detections)), [d['bbox'] for d in detections], 4, 'bbox')
        wrong = (boxes[:, 2:] < 0).any(axis=1)
        if wrong.any():
            i = int(wrong.argmax())
            raise InputError(
                f'{path}: detection {i}: expected a box without negative sides, got {detections[i]["bbox"]}'
            )
        _numbers(path, 'detection', range(len(detections)), [[d['score']] for d in detections], 1, 'score')
    return detections


def read_json(path: str) -> object:
    """Read a JSON file; an error says at which line and column the file is broken or ends too early."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    try:
        return json.loads(Path(path).read_bytes())
    except json.JSONDecodeError as error:
        raise InputError(
            f'{path}: line {error.lineno}, column {error.colno}: expected JSON, got a broken or truncated '
            f'file ({error.msg})'
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: byte {error.start}: expected JSON in UTF-8, got something else') from error


def _check_categories(path: str, categories: list, names: list) -> None:
    for i, category in enumerate(categories):
        _check_record(f'{path}: category {i} of the list', category, ('id',))
        given = category.get('keypoints')
        if not given or list(given) == names:
            continue
        where = f'{path}: category {category["id"]}'
        if len(given) != len(names):
            raise InputError(f'{where}: expected {len(names)} keypoint names, got {len(given)}')
        i = next(i for i in range(len(names)) if given[i] != names[i])
        raise InputError(f'{where}: expected {names[i]!r} as keypoint {i}, got {given[i]!r}')


def _check_images(path: str, images: list) -> set:
    for i, image in enumerate(images):
        _check_record(f'{path}: image {i} of the list', image, ('id', 'file_name', 'width', 'height'))
    ids = [image['id'] for image in images]
    _check_unique(path, 'image', ids)
    sizes = [[image['width'], image['height']] for image in images]
    if images and _numbers(path, 'image', ids, sizes, 2, 'width and height').min() <= 0:
        i = next(i for i, size in enumerate(sizes) if min(size) <= 0)
        raise InputError(f'{path}: image {ids[i]}: expected a width and a height above 0, got {sizes[i]}')
    return set(ids)


def _check_annotations(path: str, annotations: list, image_ids: set) -> None:
    for i, annotation in enumerate(annotations):
        _check_record(f'{path}: annotation {i} of the list', annotation, ('id', 'image_id', 'category_id'))
        if annotation['image_id'] not in image_ids:
            raise InputError(
                f'{path}: annotation {annotation["id"]}: expected the id of an image of this file, '
                f'got image_id {annotation["image_id"]}'
            )
    _check_unique(path, 'annotation', [annotation['id'] for annotation in annotations])


def _check_record(where: str, record: object, keys: tuple) -> None:
    if not isinstance(record, dict):
        raise InputError(f'{where}: expected a dict, got a {type(record).__name__}')
    for key in keys:
        if key not in record:
            raise InputError(f'{where}: expected a key "{key}", got {list(record)}')


def _check_unique(path: str, kind: str, ids: list) -> None:
    if len(set(ids)) == len(ids):
        return
    seen = set()
    for record_id in ids:
        if record_id in seen:
            raise InputError(f'{path}: {kind} {record_id}: expected an id of its own, got it more than once')
        seen.add(record_id)


def _check_keypoints(path: str, posed: list, num_keypoints: int) -> None:
    ids = [annotation['id'] for annotation in posed]
    for annotation in posed:
        values = annotation['keypoints']
        if not isinstance(values, list) or len(values) != 3 * num_keypoints:
            got = f'{len(values) / 3:g}' if isinstance(values, list) else f'a {type(values).__name__}'
            raise InputError(
                f'{path}: annotation {annotation["id"]}: expected {num_keypoints} keypoints '
                f'(x, y, visibility), got {got}'
            )
    rows = [annotation['keypoints'] for annotation in posed]
    visibility = _numbers(path, 'annotation', ids, rows, 3 * num_keypoints, 'keypoints')[:, 2::3]
    wrong = (visibility < 0) | (visibility > 2)
    if wrong.any():
        i, k = np.argwhere(wrong)[0]
        raise InputError(
            f'{path}: annotation {ids[i]}: expected a visibility of 0, 1 or 2, '
            f'got {visibility[i, k]:g} for keypoint {k}'
        )


def _check_boxes(path: str, posed: list) -> None:
    ids = [annotation['id'] for annotation in posed]
    boxes = _numbers(path, 'annotation', ids, [annotation['bbox'] for annotation in posed], 4, 'bbox')
    rest = [[a.get('area', 1), a.get('iscrowd', 0), a.get('num_keypoints', 0)] for a in posed]
    _numbers(path, 'annotation', ids, rest, 3, 'area, iscrowd and num_keypoints')
    for i in np.flatnonzero((boxes[:, 2:] <= 0).any(axis=1)):
        if is_labelled(posed[i]):
            raise InputError(
                f'{path}: annotation {ids[i]}: expected a box of positive width and height '
                f'around a labelled person, got {posed[i]["bbox"]}'
            )


def is_labelled(annotation: dict) -> bool:
    """Say whether an annotation is one person, not a crowd, with at least one labelled keypoint."""
    return not annotation.get('iscrowd', 0) and 'keypoints' in annotation and count_labelled(annotation) > 0


def count_labelled(annotation: dict) -> int:
    """Count an annotation's labelled keypoints, or take the count that it gives."""
    if 'num_keypoints' in annotation:
        return annotation['num_keypoints']
    return sum(visibility > 0 for visibility in annotation['keypoints'][2::3])


def _numbers(path: str, kind: str, ids: Sequence, rows: list, length: int, what: str) -> np.ndarray:
    """Turn the records' numbers into one array (records, length) after checking that all are finite."""
    try:
        array = np.array(rows, dtype=np.float64)
        if array.shape == (len(rows), length) and np.isfinite(array).all():
            return array
    except (TypeError, ValueError):
        pass
    for record_id, row in zip(ids, rows, strict=True):
        if not isinstance(row, list) or len(row) != length or not all(_is_finite(value) for value in row):
            raise InputError(f'{path}: {kind} {record_id}: expected {length} finite numbers as {what}, got {row}')
    return np.array(rows, dtype=np.float64).reshape(len(rows), length)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))
