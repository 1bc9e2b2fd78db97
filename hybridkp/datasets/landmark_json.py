"""What landmark sets have beside COCO's own records: the pixel spacing, and each reader's points."""

import math
from collections.abc import Sequence

from hybridkp.errors import InputError


def pixel_spacing(image: dict, coco: dict) -> tuple[float, float] | None:
    """Give an image's pixel spacing along x and y in mm per px, or None where the file has none.

    Args:
        image: The image's record; its own ``pixel_spacing``, a number or a pair [x, y], wins.
        coco: The file's content, whose ``info`` may have the ``pixel_spacing`` of the whole set.
    """
    for record in (image, coco.get('info')):
        if isinstance(record, dict) and 'pixel_spacing' in record:
            value = record['pixel_spacing']
            x, y = value if isinstance(value, Sequence) else (value, value)
            return float(x), float(y)
    return None


def check_pixel_spacings(path: str, coco: dict) -> None:
    """Check that each ``pixel_spacing``, of an image or of ``info``, is a number or a pair above 0.

    Raises:
        InputError: one is not; the message names the file and the record.
    """
    info = coco.get('info')
    records = [('info', info)] if isinstance(info, dict) else []
    records += [(f'image {image["id"]}', image) for image in coco['images']]
    for where, record in records:
        if 'pixel_spacing' not in record:
            continue
        value = record['pixel_spacing']
        pair = value if isinstance(value, list) else [value, value]
        if len(pair) != 2 or not all(_is_number(side) and side > 0 for side in pair):
            raise InputError(
                f'{path}: {where}: expected a pixel_spacing (mm per px above 0), a number or a pair, got {value}'
            )


def check_readers(path: str, annotations: Sequence[dict], num_keypoints: int) -> None:
    """Check that annotations with ``readers`` have num_keypoints x, y, visibility of each reader.

    Raises:
        InputError: one has not; the message names the file, the annotation and the reader.
    """
    for annotation in annotations:
        readers = annotation.get('readers', {})
        where = f'{path}: annotation {annotation["id"]}'
        if not isinstance(readers, dict):
            raise InputError(f'{where}: expected readers as a dict of names to keypoints, got a {_kind(readers)}')
        for name, values in readers.items():
            _check_points(f'{where}: reader {name}', values, num_keypoints)


def _check_points(where: str, values: object, num_keypoints: int) -> None:
    if not isinstance(values, list) or len(values) != 3 * num_keypoints:
        got = f'{len(values) / 3:g}' if isinstance(values, list) else f'a {_kind(values)}'
        raise InputError(f'{where}: expected {num_keypoints} keypoints (x, y, visibility), got {got}')
    if not all(_is_number(value) for value in values):
        raise InputError(f'{where}: expected {3 * num_keypoints} finite numbers as keypoints, got {values}')
    for k, visibility in enumerate(values[2::3]):
        if visibility not in (0, 1, 2):
            raise InputError(f'{where}: expected a visibility of 0, 1 or 2, got {visibility:g} for keypoint {k}')


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _kind(value: object) -> str:
    return type(value).__name__
