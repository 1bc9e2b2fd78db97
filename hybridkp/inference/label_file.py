"""Labels of images, to be drawn beside what was predicted on them."""

from pathlib import Path

import numpy as np

from hybridkp.datasets.coco_json import is_labelled, read_annotations
from hybridkp.datasets.landmark_json import pixel_spacing
from hybridkp.errors import InputError
from hybridkp.inference.image_records import ImageRecords


class LabelFile:
    """The labelled people of COCO annotations by image file; crowds and people without labels are left out.

    Args:
        path: the file.
        meta: the data set's meta information.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file or a record is wrong; the message names both.
    """

    def __init__(self, path: str | Path, meta: dict):
        self.path, self._count = str(path), meta['num_keypoints']
        coco = read_annotations(self.path, self._count, list(meta['keypoint_name2id']))
        self._images = {image['file_name']: image for image in coco['images']}
        self._spacings = {image['id']: pixel_spacing(image, coco) for image in coco['images']}
        self._people: dict[int, list[dict]] = {image['id']: [] for image in coco['images']}
        for annotation in coco['annotations']:
            if 'bbox' in annotation and is_labelled(annotation):
                self._people[annotation['image_id']].append(annotation)
        self._records = ImageRecords(self._images)

    def image_id(self, path: str) -> int | None:
        """Give the id of an image file, None where it is not in the file."""
        name = self._records.find(path)
        return None if name is None else self._images[name]['id']

    def next_id(self) -> int:
        """Give a number from which on no image has its id."""
        return max((image_id for image_id in self._people if isinstance(image_id, int)), default=-1) + 1

    def find(self, path: str, size: tuple[int, int]) -> list[dict] | None:
        """Give an image's labelled people as data sets have them, None where the image is not in the file.

        Each has ``img_path``, ``keypoints`` (1, K, 2) px, ``keypoints_visible`` (1, K), 0, 1 or 2, ``bbox`` (1, 4),
        left, top, right, bottom in px, and, where the file says it, ``pixel_spacing`` (2,), mm per px.

        Args:
            path: the image file.
            size: its (h, w) in px.

        Raises:
            InputError: the file says another size.
        """
        name = self._records.find(path)
        if name is None:
            return None
        image = self._images[name]
        if (image['height'], image['width']) != tuple(size):
            raise InputError(
                f'{path}: expected {image["width"]} x {image["height"]} px (width x height), as {self.path} says, '
                f'got {size[1]} x {size[0]}'
            )
        spacing = self._spacings[image['id']]
        common = dict(img_path=path) | (dict(pixel_spacing=np.array(spacing)) if spacing else {})
        return [common | self._person(annotation) for annotation in self._people[image['id']]]

    def _person(self, annotation: dict) -> dict:
        triples = np.array(annotation['keypoints'], dtype=float).reshape(1, self._count, 3)
        x, y, width, height = annotation['bbox']
        box = np.array([[x, y, x + width, y + height]], dtype=float)
        return dict(keypoints=triples[..., :2], keypoints_visible=triples[..., 2], bbox=box)
