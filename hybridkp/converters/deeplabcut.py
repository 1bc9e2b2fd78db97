"""From DeepLabCut's label tables to COCO annotations."""

import csv
import math
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from hybridkp.errors import InputError

HEADER = ('scorer', 'bodyparts', 'coords')
LABELLED = 2
"""COCO's visibility of a labelled point; DeepLabCut does not tell hidden from visible ones."""


def read_deeplabcut(csv_path: str, image_root: str | None = None) -> dict:
    """Read a DeepLabCut CSV of one animal and its frames' sizes as COCO annotations.

    A frame becomes one image and one annotation. Coordinates stay as they are. A missing point becomes
    0, 0, 0, a labelled one gets visibility 2. As there is no detector, ``bbox`` is the whole frame. ``area``,
    which OKS is measured by, is that of the labelled points' bounding box, each side counted as at least
    1 px. Links between keypoints are not in the table; the category's ``skeleton`` is empty.

    Args:
        csv_path: The table: three header rows (scorer, bodyparts, coords), then one row a frame with its path
            in one column or in three.
        image_root: The folder that the paths are relative to; by default the nearest folder above the table
            in which the first frame is found.

    Returns:
        A dict with ``images``, ``annotations`` and ``categories``; ``file_name`` is relative to the image
        root.

    Raises:
        FileNotFoundError: the table or a frame is missing.
        InputError: the table or a row is wrong; the message names both.
    """
    names, rows = read_table(csv_path)
    root = Path(image_root) if image_root else _find_root(csv_path, rows[0][1])
    images, annotations = [], []
    for i, (number, file_name, points) in enumerate(rows, start=1):
        width, height = _image_size(root / file_name, f'{csv_path}: row {number}')
        images.append(dict(id=i, file_name=file_name, width=width, height=height))
        annotations.append(_annotation(i, points, width, height))
    category = dict(id=1, name='animal', supercategory='animal', keypoints=names, skeleton=[])
    return dict(images=images, annotations=annotations, categories=[category])


def read_table(csv_path: str) -> tuple[list[str], list[tuple]]:
    """Read the keypoint names and, for each frame, its row's number, its path and its points.

    Returns:
        The K names, and tuples of the row's number in the file (from 1), the path with slashes, and K points,
        each an (x, y) in px or None.
    """
    if not Path(csv_path).is_file():
        raise FileNotFoundError(f'{csv_path}: there is no such file')
    with open(csv_path, newline='', encoding='utf-8-sig') as file:
        table = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if any(row)]
    names, columns = _read_header(csv_path, [row for _, row in table[:4]])
    rows, seen = [], {}
    for number, row in table[len(HEADER) :]:
        where = f'{csv_path}: row {number}'
        if len(row) != columns + 2 * len(names):
            raise InputError(f'{where}: expected {columns + 2 * len(names)} columns, got {len(row)}')
        file_name = '/'.join(row[:columns]).replace('\\', '/')
        if file_name in seen:
            raise InputError(f'{where}: expected each frame once, got {file_name} again after row {seen[file_name]}')
        seen[file_name] = number
        cells = row[columns:]
        points = [_point(cells[2 * k : 2 * k + 2], f'{where}: keypoint {name}') for k, name in enumerate(names)]
        rows.append((number, file_name, points))
    if not rows:
        raise InputError(f'{csv_path}: expected frames after the header, got none')
    return names, rows


def _read_header(csv_path: str, head: list) -> tuple[list[str], int]:
    """Read the header rows; return the keypoint names and how many columns hold the path."""
    titles = [row[0] for row in head]
    if 'individuals' in titles:
        raise InputError(f'{csv_path}: expected the labels of one animal, got a multi-animal table (individuals)')
    if tuple(titles[: len(HEADER)]) != HEADER:
        raise InputError(f'{csv_path}: expected header rows that start with {", ".join(HEADER)}, got {titles[:3]}')
    bodyparts, coords = head[1], head[2]
    columns = coords.index('x') if 'x' in coords else 0
    if columns not in (1, 3):
        raise InputError(f'{csv_path}: row 3: expected the first "x" in column 2 or 4, got {coords[:5]}')
    names = bodyparts[columns::2]
    if coords[columns:] != ['x', 'y'] * len(names) or bodyparts[columns + 1 :: 2] != names:
        raise InputError(f'{csv_path}: rows 2 and 3: expected the columns x and y for each body part, got others')
    if len(set(names)) != len(names) or not all(names):
        raise InputError(f'{csv_path}: row 2: expected body parts that differ, got {names}')
    return names, columns


def _point(cells: list, where: str) -> tuple[float, float] | None:
    try:
        x, y = (float(cell) if cell.strip() else math.nan for cell in cells)
    except ValueError as error:
        raise InputError(f'{where}: expected two numbers or nothing, got {cells}') from error
    if math.isnan(x) and math.isnan(y):
        return None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise InputError(f'{where}: expected two finite numbers or nothing, got {cells}')
    return x, y


def _find_root(csv_path: str, file_name: str) -> Path:
    for folder in Path(csv_path).resolve().parents:
        if (folder / file_name).is_file():
            return folder
    raise FileNotFoundError(f'{csv_path}: the frame {file_name} is in no folder above the table; name the image root')


def _image_size(path: Path, where: str) -> tuple[int, int]:
    """Read (width, height) from an image file's header."""
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: there is no frame {path}') from error
    except UnidentifiedImageError as error:
        raise InputError(f'{where}: expected an image, got {path}') from error


def _annotation(record_id: int, points: list, width: int, height: int) -> dict:
    labelled = [point for point in points if point is not None]
    area = 0.0
    if labelled:
        xs, ys = zip(*labelled, strict=True)
        area = max(max(xs) - min(xs), 1.0) * max(max(ys) - min(ys), 1.0)
    keypoints = [value for point in points for value in ((*point, LABELLED) if point is not None else (0, 0, 0))]
    return dict(
        id=record_id,
        image_id=record_id,
        category_id=1,
        iscrowd=0,
        bbox=[0, 0, width, height],
        area=area,
        num_keypoints=len(labelled),
        keypoints=keypoints,
    )
