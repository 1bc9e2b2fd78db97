"""From the lateral cephalograms of the ISBI 2015 challenge to COCO annotations in its splits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hybridkp.converters.cells import read_point
from hybridkp.converters.image_files import find_images, find_root, the_image
from hybridkp.converters.landmark_csv import check_names, read_reader
from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.converters.landmarks import landmark_coco, reader_names
from hybridkp.converters.splits import part_coco
from hybridkp.errors import InputError

LANDMARKS = 'S N Or Po A B Pog Me Gn Go LI UI UL LL Sn SPog PNS ANS Ar'.split()
SPLITS = dict(train=range(1, 151), test1=range(151, 301), test2=range(301, 401))
"""The numbers of each split's images."""
OPTIONAL = 'test2'
"""The split that was published later than the others, and of which there may be no image."""
SIZE = (1935, 2400)
"""(width, height) in px of the challenge's images."""
SPACING = 0.1
"""mm per px of the challenge's images."""
FOLDERS = (
    '',
    *(f'{parent}{name}' for parent in ('RawImage/', '') for name in ('TrainingData', 'Test1Data', 'Test2Data')),
)


def read_isbi2015(
    labels: Sequence[str], image_root: str | None = None, pixel_spacing: float | None = None
) -> dict[str, dict]:
    """Read the labels of the challenge's readers, and the images' sizes, as COCO annotations of each split.

    Args:
        labels: For each reader the challenge's folder of txt files, or a CSV file as in
            :func:`~hybridkp.converters.landmark_csv.read_reader`, in mm or in px of the images at hand.
        image_root: The folder that has the images, or the challenge's folders of them; by default the nearest
            folder above the first labels that has the first image.
        pixel_spacing: mm per px of the images, where they are not as the challenge has them (0.1) but resized.

    Returns:
        Split -> what :func:`~hybridkp.converters.landmarks.landmark_coco` makes, for the splits that have labels;
        ``test2`` may lack all its images, it is then left out.

    Raises:
        FileNotFoundError: labels or an image are missing.
        InputError: a row is wrong, or an image has another size; the message names the file and the record.
    """
    spacing = SPACING if pixel_spacing is None else pixel_spacing
    readers = {name: _read_rows(path, spacing) for name, path in reader_names(labels).items()}
    first = Path(next(iter(readers.values()))[0].image).stem
    root = find_root(labels[0], first, image_root, lambda folder: first in find_images(folder, FOLDERS))
    coco = landmark_coco(_locate(readers, find_images(root, FOLDERS), root), LANDMARKS, root, 'cephalogram', spacing)
    for image in coco['images']:
        _check_size(image, root, image.get('pixel_spacing', spacing))
    return part_coco(coco, [_split_of(image['file_name'], str(root)) for image in coco['images']])


def read_folder(folder: str, pixel_spacing: float = SPACING) -> list[LandmarkRow]:
    """Read a reader's txt files: 19 lines ``x,y`` in px of the original image, then class numbers, not needed here.

    Args:
        folder: The folder with 001.txt and so on.
        pixel_spacing: mm per px of the images at hand, to whose px the points are scaled.
    """
    files = sorted(Path(folder).glob('*.txt'))
    if not files:
        raise FileNotFoundError(f'{folder}: expected files 001.txt to 400.txt, got none')
    scale = SPACING / pixel_spacing
    rows = []
    for file in files:
        points = [point and (point[0] * scale, point[1] * scale) for point in _read_points(file)]
        rows.append(LandmarkRow(str(file), file.stem, points, pixel_spacing))
    return rows


def _read_points(file: Path) -> list:
    try:
        lines = file.read_text(encoding='utf-8-sig').split('\n')
    except UnicodeDecodeError as error:
        raise InputError(f'{file}: expected a text of points, got something else ({error})') from error
    cells = [(number, line.split(',')) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, cell in cells[len(LANDMARKS) :]:
        if len(cell) != 1 or not cell[0].strip().isdecimal():
            raise InputError(
                f'{file}: line {number}: expected a class number after {len(LANDMARKS)} points, got {",".join(cell)!r}'
            )
    points = []
    for name, (number, cell) in zip(LANDMARKS, cells, strict=False):
        if len(cell) != 2:
            raise InputError(f'{file}: line {number}: expected x,y of landmark {name}, got {",".join(cell)!r}')
        points.append(read_point(cell, f'{file}: line {number}: landmark {name}'))
    if len(points) < len(LANDMARKS):
        raise InputError(f'{file}: expected {len(LANDMARKS)} lines x,y, got {len(points)}')
    return points


def _read_rows(path: str, pixel_spacing: float) -> list[LandmarkRow]:
    if Path(path).is_dir():
        return read_folder(path, pixel_spacing)
    names, rows = read_reader(path, pixel_spacing)
    check_names(path, names, LANDMARKS)
    return rows


def _split_of(image: str, where: str) -> str:
    number = Path(image).stem
    for split, numbers in SPLITS.items():
        if number.isdecimal() and int(number) in numbers:
            return split
    raise InputError(f'{where}: expected an image 001 to 400, got {image}')


def _locate(
    readers: Mapping[str, Sequence[LandmarkRow]], images: Mapping[str, Sequence[str]], root: Path
) -> dict[str, list[LandmarkRow]]:
    """Put in the images' paths, and leave out the optional split if it has no image."""
    optional = any(stem.isdecimal() and int(stem) in SPLITS[OPTIONAL] for stem in images)
    located = {}
    for reader, rows in readers.items():
        located[reader] = []
        for row in rows:
            stem = Path(row.image).stem
            if _split_of(row.image, row.where) == OPTIONAL and not optional:
                continue
            located[reader].append(row._replace(image=the_image(images, stem, row.where, root)))
    if not any(located.values()):
        raise FileNotFoundError(
            f'{root}: expected images 001 to 400, got none of the {OPTIONAL} that the labels are of'
        )
    return located


def _check_size(image: dict, root: Path, pixel_spacing: float) -> None:
    size = image['width'], image['height']
    expected = [round(side * SPACING / pixel_spacing) for side in SIZE]
    if any(abs(side - right) > 1 for side, right in zip(size, expected, strict=True)):
        raise InputError(
            f'{root / image["file_name"]}: expected {expected[0]} x {expected[1]} px at {pixel_spacing:g} mm per px, '
            f'got {size[0]} x {size[1]}; --pixel-spacing says how the images were resized'
        )
