"""Reading of YOLO's layout: lists of images, and a text file of labels beside each image's folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybridkp.datasets.image_size import image_size
from hybridkp.errors import InputError
from hybridkp.ops.boxes import AREA_OF_BOX


def read_yolo(path: str, num_keypoints: int, classes: Sequence[str]) -> dict:
    """Read the labels of all images of a list as COCO annotations.

    The list names an image a line, absolute or relative to the list's folder. A label file has the image's path with
    the last folder ``images`` replaced by ``labels`` and the suffix ``.txt``. A line is a person: the index of the
    class, the box's centre x, centre y, width and height, and K times x, y and visibility (0 not labelled, 1 hidden,
    2 visible), positions and sizes as parts of the image's width or height. An empty file says that nobody is there.

    Images have their names' numbers as ids if all names are different numbers, as COCO's are, else 1, 2, ... The area
    of a person is that of the box times 0.53.

    Args:
        path: the list.
        num_keypoints: K.
        classes: their names.

    Returns:
        A dict with ``images``, whose file names are relative to the list's folder, ``annotations`` and ``categories``.

    Raises:
        FileNotFoundError: the list, an image or a label file is missing.
        InputError: a list or a label is wrong; the message names file and line.
    """
    names = read_list(path)
    ids = _ids(names)
    images, annotations = [], []
    for image_id, (where, name) in zip(ids, names, strict=True):
        width, height = image_size(Path(path).parent / name, where)
        images.append(dict(id=image_id, file_name=name, width=width, height=height))
        label_path = label_file(str(Path(path).parent / name), where)
        for row in read_labels(label_path, num_keypoints, len(classes)):
            annotations.append(_annotation(row, len(annotations) + 1, images[-1]))
    categories = [dict(id=i, name=name, supercategory=name) for i, name in enumerate(classes, 1)]
    return dict(images=images, annotations=annotations, categories=categories)


def read_list(path: str) -> list[tuple[str, str]]:
    """Read a list of images: for each its place in the list, for messages, and its path as it stands there."""
    names = []
    for number, line in enumerate(_lines(path), 1):
        if name := line.strip().removeprefix('./'):
            names.append((f'{path}: line {number}', name))
    if not names:
        raise InputError(f'{path}: expected a list of images, one a line, got none')
    return names


def label_file(image: str, where: str) -> str:
    """Give the path of an image's labels."""
    parts = list(Path(image).parts)
    if 'images' not in parts[:-1]:
        raise InputError(f'{where}: expected an image below a folder "images", beside which is "labels", got {image}')
    last = len(parts) - 2 - parts[-2::-1].index('images')
    parts[last] = 'labels'
    return str(Path(*parts).with_suffix('.txt'))


def read_labels(path: str, num_keypoints: int, num_classes: int) -> np.ndarray:
    """Read a label file: (N, 5 + 3K) numbers, checked.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a line has another number of columns, something that is no number, a class or a visibility that
            does not exist, a position outside of the image, a box without an area, or stands there twice.
    """
    rows, columns = [], 5 + 3 * num_keypoints
    for number, line in enumerate(_lines(path), 1):
        if not (cells := line.split()):
            continue
        where = f'{path}: line {number}'
        if len(cells) != columns:
            raise InputError(f'{where}: expected {columns} columns, for {num_keypoints} keypoints, got {len(cells)}')
        try:
            row = [float(cell) for cell in cells]
        except ValueError as error:
            raise InputError(f'{where}: expected numbers, got something else ({error})') from error
        _check(row, num_classes, where)
        if row in rows:
            raise InputError(f'{where}: expected each person once, got the same as in line {rows.index(row) + 1}')
        rows.append(row)
    return np.array(rows, np.float64).reshape(-1, columns)


def _check(row: list[float], num_classes: int, where: str) -> None:
    numbers = np.array(row)
    if not np.isfinite(numbers).all():
        raise InputError(f'{where}: expected finite numbers, got {numbers[~np.isfinite(numbers)][0]}')
    if row[0] not in range(num_classes):
        raise InputError(f'{where}: expected a class from 0 to {num_classes - 1}, got {row[0]:g}')
    flags = numbers[7::3]
    if wrong := [flag for flag in flags if flag not in (0, 1, 2)]:
        raise InputError(f'{where}: expected a visibility of 0, 1 or 2, got {wrong[0]:g}')
    places = np.concatenate((numbers[1:5], numbers[5::3], numbers[6::3]))
    if ((places < 0) | (places > 1)).any():
        wrong = places[(places < 0) | (places > 1)][0]
        raise InputError(f'{where}: expected positions and sizes as parts of the image, from 0 to 1, got {wrong:g}')
    if min(row[3:5]) <= 0:
        raise InputError(f'{where}: expected a box of some width and height, got {row[3]:g} x {row[4]:g}')


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding='utf-8').splitlines()
    except FileNotFoundError as error:
        advice = ' (that of an image without people is empty)' if '/labels/' in Path(path).as_posix() else ''
        raise FileNotFoundError(f'{path}: there is no such file{advice}') from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: expected text in UTF-8, got something else ({error.reason})') from error


def _ids(names: list[tuple[str, str]]) -> list[int]:
    """Give images the ids that their names are, if all of them are different numbers, else 1, 2, ..."""
    seen = {}
    for where, name in names:
        if name in seen:
            raise InputError(f'{where}: expected each image once, got {name} as in {seen[name]}')
        seen[name] = where
    stems = [Path(name).stem for _, name in names]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
    return numbers if len(set(numbers)) == len(names) else list(range(1, len(names) + 1))


def _annotation(row: np.ndarray, number: int, image: dict) -> dict:
    """Make a person's annotation in px of the image."""
    sides = np.array([image['width'], image['height']])
    size = row[3:5] * sides
    triples = row[5:].reshape(-1, 3) * [*sides, 1]
    triples[triples[:, 2] == 0] = 0
    return dict(
        id=number,
        image_id=image['id'],
        category_id=int(row[0]) + 1,
        iscrowd=0,
        bbox=np.concatenate((row[1:3] * sides - size / 2, size)).round(3).tolist(),
        area=round(AREA_OF_BOX * float(size.prod()), 3),
        num_keypoints=int((triples[:, 2] > 0).sum()),
        keypoints=[float(value) if i % 3 < 2 else int(value) for i, value in enumerate(triples.round(3).ravel())],
    )
