"""From the lateral cephalograms of Aariz (CEPHA29) to COCO annotations in its splits."""

import math
from pathlib import Path

from hybridkp.converters.cells import read_cells, read_spacing
from hybridkp.converters.image_files import SUFFIXES, find_images, the_image
from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.converters.landmarks import landmark_coco
from hybridkp.converters.splits import part_coco
from hybridkp.datasets.coco_json import read_json
from hybridkp.errors import InputError

LANDMARKS = 'A ANS B Me N Or Pog PNS Pn R S Ar Co Gn Go Po LPM LIT LMT UPM UIA UIT UMT LIA Li Ls N` Pog` Sn'.split()
SPLITS = ('train', 'valid', 'test')
READERS = dict(senior='Senior Orthodontists', junior='Junior Orthodontists')
IMAGES = 'Cephalograms'
LABELS = 'Annotations/Cephalometric Landmarks'
MACHINES = 'cephalogram_machine_mappings.csv'
"""The table that has the pixel size of each image's machine."""


def read_aariz(root: str, image_root: str | None = None, pixel_spacing: float | None = None) -> dict[str, dict]:
    """Read the readers' JSON files, the machines' pixel sizes and the images' sizes as COCO annotations a split.

    Args:
        root: The folder that has ``train``, ``valid``, ``test`` and the table of machines.
        image_root: The folder that has ``train/Cephalograms`` and so on, by default the same.
        pixel_spacing: mm per px of images that the table lacks.

    Returns:
        Split -> what :func:`~hybridkp.converters.landmarks.landmark_coco` makes, for the splits that have labels.

    Raises:
        FileNotFoundError: labels, an image or the table are missing.
        InputError: a file or a record is wrong; the message names both.
    """
    images = Path(image_root or root)
    spacings = read_pixel_sizes(Path(root) / MACHINES, pixel_spacing)
    readers = {}
    for reader in READERS:
        rows = [row for split in SPLITS for row in _read_rows(Path(root) / split, images, reader)]
        if rows:
            readers[reader] = [_with_spacing(row, spacings, pixel_spacing) for row in rows]
    if not readers:
        raise FileNotFoundError(
            f'{root}: expected JSON files in {SPLITS[0]}/{LABELS}/{READERS["senior"]} or the like, got none'
        )
    coco = landmark_coco(readers, LANDMARKS, images, 'cephalogram', pixel_spacing)
    return part_coco(coco, [image['file_name'].split('/')[0] for image in coco['images']])


def read_pixel_sizes(path: Path, default: float | None = None) -> dict[str, float]:
    """Read mm per px of each image, by its id, from the table of machines; with a default there may be no table."""
    if default is not None and not path.is_file():
        return {}
    table = read_cells(str(path))
    header = [cell.strip() for cell in table[0][1]] if table else []
    for column in ('cephalogram_id', 'pixel_size'):
        if header.count(column) != 1:
            raise InputError(f'{path}: row 1: expected one column {column}, got {header}')
    found = {}
    for number, cells in table[1:]:
        where = f'{path}: row {number}'
        if len(cells) != len(header):
            raise InputError(f'{where}: expected {len(header)} columns, got {len(cells)}')
        name = _stem(cells[header.index('cephalogram_id')].strip())
        if name in found:
            raise InputError(f'{where}: expected each cephalogram_id once, got {name} again')
        found[name] = read_spacing(cells[header.index('pixel_size')].strip(), where)
    return found


def read_landmarks(path: Path) -> list:
    """Read one reader's JSON of one image: for each landmark a point (x, y) in px, or None."""
    content = read_json(str(path))
    landmarks = content.get('landmarks') if isinstance(content, dict) else None
    if not isinstance(landmarks, list):
        raise InputError(f'{path}: expected a dict with a list "landmarks", got {_short(content)}')
    points = {}
    for i, landmark in enumerate(landmarks):
        where = f'{path}: landmark {i} of the list'
        symbol = landmark.get('symbol') if isinstance(landmark, dict) else None
        if not isinstance(symbol, str):
            raise InputError(f'{where}: expected a dict with a symbol, got {_short(landmark)}')
        symbol = symbol.strip().translate(str.maketrans("'’´′", '````'))
        if symbol not in LANDMARKS:
            raise InputError(f'{where}: expected one of the symbols {" ".join(LANDMARKS)}, got {symbol!r}')
        if symbol in points:
            raise InputError(f'{where}: expected each symbol once, got {symbol} again')
        points[symbol] = _point(landmark.get('value'), f'{path}: landmark {symbol}')
    return [points.get(symbol) for symbol in LANDMARKS]


def _point(value: object, where: str) -> tuple[float, float] | None:
    x, y = (value.get('x'), value.get('y')) if isinstance(value, dict) else (None, None)
    for number in (x, y):
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < math.inf:
            raise InputError(f'{where}: expected a value with two finite numbers x and y, got {_short(value)}')
    return (x, y) if min(x, y) >= 0 else None


def _read_rows(split: Path, image_root: Path, reader: str) -> list[LandmarkRow]:
    images = find_images(image_root, [f'{split.name}/{IMAGES}'])
    rows = []
    for file in sorted((split / LABELS / READERS[reader]).glob('*.json')):
        image = the_image(images, file.stem, str(file), image_root / split.name / IMAGES)
        rows.append(LandmarkRow(str(file), image, read_landmarks(file)))
    return rows


def _with_spacing(row: LandmarkRow, spacings: dict[str, float], default: float | None) -> LandmarkRow:
    spacing = spacings.get(Path(row.image).stem, default)
    if spacing is None:
        raise InputError(f'{row.image}: expected its pixel size in {MACHINES}, got no row of it; name --pixel-spacing')
    return row._replace(pixel_spacing=spacing)


def _stem(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name


def _short(value: object) -> str:
    return repr(value) if len(repr(value)) < 100 else f'a {type(value).__name__}'
