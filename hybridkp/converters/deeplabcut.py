"""From DeepLabCut's label tables to COCO annotations."""

from hybridkp.converters.cells import read_cells, read_point
from hybridkp.converters.image_files import find_root
from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.converters.landmarks import landmark_coco
from hybridkp.errors import InputError

HEADER = ('scorer', 'bodyparts', 'coords')


def read_deeplabcut(csv_path: str, image_root: str | None = None, pixel_spacing: float | None = None) -> dict:
    """Read a DeepLabCut CSV of one animal, and its frames' sizes as COCO annotations.

    A frame becomes one image and one annotation. Coordinates stay as they are. Links between keypoints are not in
    the table; the category's ``skeleton`` is empty.

    Args:
        csv_path: The table: three header rows (scorer, bodyparts, coords), then one row a frame with its path
            in one column or in three.
        image_root: The folder that the paths are relative to; by default the nearest folder above the table
            in which the first frame is found.
        pixel_spacing: mm per px, if it is known.

    Returns:
        What :func:`~hybridkp.converters.landmarks.landmark_coco` makes.

    Raises:
        FileNotFoundError: the table or a frame is missing.
        InputError: the table or a row is wrong; the message names both.
    """
    names, table = read_table(csv_path)
    rows = [LandmarkRow(f'{csv_path}: row {number}', frame, points) for number, frame, points in table]
    frame = rows[0].image
    root = find_root(csv_path, frame, image_root, lambda folder: (folder / frame).is_file())
    return landmark_coco(dict(scorer=rows), names, root, 'animal', pixel_spacing)


def read_table(csv_path: str) -> tuple[list[str], list[tuple]]:
    """Read the keypoint names and, for each frame, its row's number, its path and its points.

    Returns:
        The K names, and tuples of the row's number in the file (from 1), the path with slashes, and K points,
        each an (x, y) in px or None.
    """
    table = read_cells(csv_path)
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
        points = [read_point(cells[2 * k : 2 * k + 2], f'{where}: keypoint {name}') for k, name in enumerate(names)]
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
