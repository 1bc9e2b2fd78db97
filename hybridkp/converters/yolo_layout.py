"""Converting between COCO annotations and YOLO's layout."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybridkp.datasets.coco_json import is_labelled, read_annotations
from hybridkp.datasets.yolo_labels import read_yolo
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.errors import InputError

DIGITS = 6
"""Digits after the point; of an image of 640 px, the last one is less than a thousandth of a pixel."""


def yolo_to_coco(lists: Sequence[str], names: Sequence[str], classes: Sequence[str]) -> dict[str, dict]:
    """Read YOLO's layout: lists of images to COCO annotations, by the names of the lists without suffix.

    Args:
        lists: the paths of the lists, see `read_yolo`.
        names: the K keypoints' names.
        classes: the names of the classes.

    Raises:
        FileNotFoundError: a list, an image or a label file is missing.
        InputError: a label is wrong, or two lists have one name; the message names it.
    """
    made = {}
    for path in lists:
        if Path(path).stem in made:
            raise InputError(f'{path}: expected lists of different names, got {Path(path).stem} twice')
        coco = read_yolo(path, len(names), classes)
        coco['categories'] = [category | dict(keypoints=list(names), skeleton=[]) for category in coco['categories']]
        made[Path(path).stem] = coco
    return made


def coco_to_yolo(path: str, names: Sequence[str], out_dir: str, split: str, image_root: str | None = None) -> str:
    """Write COCO annotations in YOLO's layout: ``labels/SPLIT/*.txt`` and the list ``SPLIT.txt`` in a folder.

    Images are listed as ``./images/SPLIT/NAME``. Every image of the file has a label file, an empty one if nobody is
    in it. Crowds and people without labelled keypoints are left out, as in the set that YOLOv7-w6-pose was trained on.
    Boxes are cut at the image's border; a keypoint outside of the image counts as not labelled.

    Args:
        path: the annotations.
        names: the K keypoints' names.
        out_dir: the folder.
        split: the name of the split.
        image_root: if given, ``images/SPLIT`` becomes a link to this folder.

    Returns:
        What was written, in words.

    Raises:
        FileNotFoundError: the annotations or the image root are missing.
        InputError: a record is wrong, two images would have one label file, or ``images/SPLIT`` is there already and is
            something else.
    """
    coco = read_annotations(path, len(names), names)
    ids = {annotation['category_id'] for annotation in coco['annotations']}
    ids |= {category['id'] for category in coco.get('categories') or []}
    classes = {category: i for i, category in enumerate(sorted(ids))}
    lines: dict[int, list[str]] = {image['id']: [] for image in coco['images']}
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    for person in coco['annotations']:
        if 'bbox' in person and is_labelled(person):
            row = _row(person, sizes[person['image_id']])
            if row is not None:
                lines[person['image_id']].append(f'{classes[person["category_id"]]} {row}')
    files = {}
    for image in coco['images']:
        file = Path(out_dir) / 'labels' / split / Path(image['file_name']).with_suffix('.txt')
        if file in files:
            raise InputError(
                f'{path}: image {image["id"]}: expected a name of its own but for the suffix, got {file.stem}'
            )
        files[file] = ''.join(f'{line}\n' for line in dict.fromkeys(lines[image['id']]))
    if image_root is not None:
        _link(Path(out_dir) / 'images' / split, image_root)
    for file, content in files.items():
        AtomicBackend().put_text(content, file)
    listed = ''.join(f'./images/{split}/{image["file_name"]}\n' for image in coco['images'])
    AtomicBackend().put_text(listed, Path(out_dir) / f'{split}.txt')
    people = sum(content.count('\n') for content in files.values())
    return f'{Path(out_dir) / split}.txt: {len(files)} images, {people} people'


def _row(person: dict, size: tuple[int, int]) -> str | None:
    """Write a person's box and keypoints as parts of the image's (width, height), or None if no box is left."""
    sides, (x, y, width, height) = np.array(size, np.float64), person['bbox']
    low = np.clip([x, y], 0, sides) / sides
    high = np.clip([x + width, y + height], 0, sides) / sides
    low, high = low.round(DIGITS), high.round(DIGITS)
    if (high <= low).any():
        return None
    triples = np.array(person['keypoints'], np.float64).reshape(-1, 3)
    points, flags = triples[:, :2] / sides, triples[:, 2].astype(int)
    flags[((points < 0) | (points > 1)).any(axis=1)] = 0
    points[flags == 0] = 0
    places = [f'{value:.{DIGITS}f}' for value in (*((low + high) / 2), *(high - low))]
    return ' '.join(
        [*places, *(f'{px:.{DIGITS}f} {py:.{DIGITS}f} {v}' for (px, py), v in zip(points, flags, strict=True))]
    )


def _link(place: Path, image_root: str) -> None:
    """Make a folder's place a link to another folder."""
    if not Path(image_root).is_dir():
        raise FileNotFoundError(f'{image_root}: there is no such folder')
    target = Path(image_root).resolve()
    if place.is_symlink() and place.resolve() == target:
        return
    if place.is_symlink() or place.exists():
        raise InputError(f'{place}: expected nothing or a link to {image_root}, got something else')
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, place, target_is_directory=True)
