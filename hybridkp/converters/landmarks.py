"""From the points of one or several readers to COCO annotations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.datasets.image_size import image_size
from hybridkp.errors import InputError

LABELLED = 2
"""COCO's visibility of a labelled point; landmark formats do not tell hidden from visible ones."""


def landmark_coco(
    readers: Mapping[str, Sequence[LandmarkRow]],
    names: Sequence[str],
    image_root: Path,
    category: str,
    pixel_spacing: float | None = None,
) -> dict:
    """Make COCO annotations from what readers marked in the same images.

    An image gets one annotation. Its ``keypoints`` are the reference: the mean of the points of those readers who
    labelled the landmark, with visibility 2, or 0, 0, 0 where nobody did. With more than one reader, ``readers``
    holds the points of each, likewise. ``bbox`` is the whole image; ``area``, which OKS is measured by, is that of
    the reference's bounding box, each side counted as at least 1 px.

    Args:
        readers: For each reader, by name, the rows, one an image; all readers have the same images, in any order.
        names: The K landmarks' names.
        image_root: The folder that the rows' images are relative to.
        category: What is in an image.
        pixel_spacing: mm per px of the whole set, which ``info`` then holds; images with another one hold their own.

    Returns:
        A dict with ``images``, in the first reader's order, ``annotations`` and ``categories``.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: readers do not fit each other, a point lies outside of the image by more than a pixel, or a file is
            no image; the message names file and row.
    """
    images, annotations = [], []
    for i, rows in enumerate(_match(readers), start=1):
        width, height = image_size(image_root / rows[0].image, rows[0].where)
        for row in rows:
            _check_inside(row, names, (width, height))
        image = dict(id=i, file_name=rows[0].image, width=width, height=height)
        if (spacing := _common_spacing(rows)) not in (None, pixel_spacing):
            image['pixel_spacing'] = spacing
        images.append(image)
        reference = [_mean(points) for points in zip(*(row.points for row in rows), strict=True)]
        annotation = _annotation(i, reference, width, height)
        if len(readers) > 1:
            marked = zip(readers, rows, strict=True)
            annotation['readers'] = {name: _coco_points(row.points) for name, row in marked}
        annotations.append(annotation)
    entry = dict(id=1, name=category, supercategory=category, keypoints=list(names), skeleton=[])
    coco = dict(images=images, annotations=annotations, categories=[entry])
    return coco if pixel_spacing is None else coco | dict(info=dict(pixel_spacing=pixel_spacing))


def reader_names(paths: Sequence[str]) -> dict[str, str]:
    """Name readers after their file or folder, without a leading ``400_``; gives name -> path."""
    readers = {}
    for path in paths:
        name = Path(path).stem.removeprefix('400_')
        if name in readers:
            raise InputError(f'{path}: expected a reader other than {name!r} of {readers[name]}, got the same name')
        readers[name] = path
    return readers


def _match(readers: Mapping[str, Sequence[LandmarkRow]]) -> list[tuple[LandmarkRow, ...]]:
    """Bring all readers' rows of an image together, in the first reader's order."""
    by_image = [_by_image(rows) for rows in readers.values()]
    first = by_image[0]
    for (name, rows), other in zip(readers.items(), by_image, strict=True):
        for row in rows:
            if row.image not in first:
                raise InputError(f'{row.where}: expected an image of reader {next(iter(readers))}, got {row.image}')
        for row in first.values():
            if row.image not in other:
                raise InputError(f'{row.where}: expected {row.image} with reader {name} too, got no row of it there')
    return [tuple(other[image] for other in by_image) for image in first]


def _by_image(rows: Sequence[LandmarkRow]) -> dict[str, LandmarkRow]:
    found = {}
    for row in rows:
        if row.image in found:
            raise InputError(
                f'{row.where}: expected each image once, got {row.image} again after {found[row.image].where}'
            )
        found[row.image] = row
    return found


def _check_inside(row: LandmarkRow, names: Sequence[str], size: tuple[int, int]) -> None:
    for name, point in zip(names, row.points, strict=True):
        if point is not None and any(not -1 <= value <= side for value, side in zip(point, size, strict=True)):
            raise InputError(
                f'{row.where}: expected {name} within the {size[0]} x {size[1]} px of {row.image}, '
                f'got ({point[0]:g}, {point[1]:g})'
            )


def _common_spacing(rows: Sequence[LandmarkRow]) -> float | None:
    known = [row for row in rows if row.pixel_spacing is not None]
    for row in known:
        if row.pixel_spacing != known[0].pixel_spacing:
            raise InputError(
                f'{row.where}: expected the pixel spacing {known[0].pixel_spacing} of {known[0].where}, '
                f'got {row.pixel_spacing}'
            )
    return known[0].pixel_spacing if known else None


def _mean(points: Sequence) -> tuple[float, float] | None:
    labelled = [point for point in points if point is not None]
    if not labelled:
        return None
    x, y = (sum(values) / len(labelled) for values in zip(*labelled, strict=True))
    return x, y


def _coco_points(points: Sequence) -> list:
    return [value for point in points for value in ((*point, LABELLED) if point is not None else (0, 0, 0))]


def _annotation(record_id: int, points: list, width: int, height: int) -> dict:
    labelled = [point for point in points if point is not None]
    area = 0.0
    if labelled:
        xs, ys = zip(*labelled, strict=True)
        area = max(max(xs) - min(xs), 1.0) * max(max(ys) - min(ys), 1.0)
    return dict(
        id=record_id,
        image_id=record_id,
        category_id=1,
        iscrowd=0,
        bbox=[0, 0, width, height],
        area=area,
        num_keypoints=len(labelled),
        keypoints=_coco_points(points),
    )
