"""From plain tables of landmarks, one a reader, to COCO annotations."""

from collections.abc import Sequence
from itertools import zip_longest

from hybridkp.converters.cells import read_cells, read_point, read_spacing
from hybridkp.converters.image_files import find_root
from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.converters.landmarks import landmark_coco, reader_names
from hybridkp.errors import InputError

SPACING = 'pixel_spacing'
"""The column that holds an image's mm per px."""


def read_landmark_csv(paths: Sequence[str], image_root: str | None = None, pixel_spacing: float | None = None) -> dict:
    """Read one CSV file a reader, and their images' sizes, as COCO annotations.

    Args:
        paths: The tables, as in :func:`read_reader`; a reader is named after the file.
        image_root: The folder that the images are relative to; by default the nearest folder above the first
            table in which its first image is found.
        pixel_spacing: mm per px of images whose row does not say.

    Returns:
        What :func:`~hybridkp.converters.landmarks.landmark_coco` makes.

    Raises:
        FileNotFoundError: a table or an image is missing.
        InputError: a table or a row is wrong; the message names both.
    """
    names, readers = [], {}
    for reader, path in reader_names(paths).items():
        found, readers[reader] = read_reader(path, pixel_spacing)
        names = names or found
        check_names(path, found, names)
    image = next(iter(readers.values()))[0].image
    root = find_root(paths[0], image, image_root, lambda folder: (folder / image).is_file())
    return landmark_coco(readers, names, root, 'object', pixel_spacing)


def read_reader(path: str, pixel_spacing: float | None = None) -> tuple[list[str], list[LandmarkRow]]:
    """Read one reader's table.

    The first row is ``image``, then for each landmark either ``NAME_x,NAME_y``, in px, or ``NAME_x_mm,NAME_y_mm``,
    in mm from the image's corner, and perhaps ``pixel_spacing``. Two empty cells are a landmark that is not labelled.

    Args:
        path: The CSV file.
        pixel_spacing: mm per px of images whose row does not say.

    Returns:
        The K names and the rows, whose points are in px.
    """
    table = read_cells(path)
    if len(table) < 2:
        raise InputError(f'{path}: expected a header and at least one image, got {len(table)} rows')
    header = [cell.strip() for cell in table[0][1]]
    names, unit = _read_header(header, f'{path}: row {table[0][0]}')
    column = header.index(SPACING) if SPACING in header else None
    rows = []
    for number, cells in table[1:]:
        where = f'{path}: row {number}'
        if len(cells) != len(header):
            raise InputError(f'{where}: expected {len(header)} columns, got {len(cells)}')
        own = cells.pop(column).strip() if column is not None else ''
        spacing = read_spacing(own, where) if own else pixel_spacing
        if unit == '_mm' and spacing is None:
            raise InputError(f'{where}: expected a pixel spacing, as the points are in mm, got none')
        points = [read_point(cells[2 * k + 1 : 2 * k + 3], f'{where}: landmark {name}') for k, name in enumerate(names)]
        if unit == '_mm':
            points = [point and (point[0] / spacing, point[1] / spacing) for point in points]
        rows.append(LandmarkRow(where, _image(cells[0], where), points, spacing))
    return names, rows


def check_names(path: str, names: Sequence[str], expected: Sequence[str]) -> None:
    """Check that a table has the landmarks that it should have, in order."""
    for i, (name, other) in enumerate(zip_longest(names, expected)):
        if name != other:
            raise InputError(
                f'{path}: row 1: expected {len(expected)} landmarks with {other!r} as number {i + 1}, '
                f'got {len(names)} with {name!r}'
            )


def _read_header(header: Sequence[str], where: str) -> tuple[list[str], str]:
    """Read the landmarks' names and the end of their columns' names, ``_mm`` or nothing."""
    if header[0] != 'image' or header.count(SPACING) > 1:
        raise InputError(f'{where}: expected a column image and at most one {SPACING}, got {list(header)}')
    columns = [cell for cell in header[1:] if cell != SPACING]
    unit = '_mm' if columns and columns[0].endswith('_mm') else ''
    names = [column.removesuffix(f'_x{unit}') for column in columns[::2]]
    expected = [f'{name}_{axis}{unit}' for name in names for axis in 'xy']
    wrong = [cell for cell, right in zip_longest(columns, expected) if cell != right]
    if wrong or not all(names) or not names:
        raise InputError(
            f'{where}: expected columns NAME_x and NAME_y in px or NAME_x_mm and NAME_y_mm in mm for each landmark, '
            f'got {wrong[0] if wrong else "no name"}'
        )
    if len(set(names)) != len(names):
        raise InputError(f'{where}: expected landmarks that differ, got {names}')
    return names, unit


def _image(cell: str, where: str) -> str:
    image = cell.strip().replace('\\', '/')
    if not image:
        raise InputError(f'{where}: expected an image, got an empty cell')
    return image
