"""Folders of views of one plane with measured homographies."""

import os.path as osp
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmpose.registry import DATASETS
from torch.utils.data import Dataset

from hybridkp.datasets.homography_file import read_homography
from hybridkp.datasets.image_listing import SUFFIXES
from hybridkp.datasets.read_image import read_image
from hybridkp.errors import InputError

_HOMOGRAPHY = re.compile(r'H_?(\d+)(?:_|to)(\d+)p?(\.(txt|xml|ya?ml))?', re.IGNORECASE)
"""``H_1_2`` of HPatches, ``H1to2p`` of the Oxford sets, with or without a suffix."""


@DATASETS.register_module()
class HomographyScenes(Dataset):
    """Pairs of views with measured homographies: HPatches' and the Oxford sets' layouts, or likewise named files.

    A scene is a folder with images whose names end in a number (``1.ppm``, ``img1.ppm``, ``graf1.png``) and
    homographies (``H_1_2``, ``H1to2p``, ``H1to3p.xml``), each from the first view's px to the second one's. Sample 2 i
    is the first view of pair i, sample 2 i + 1 the second one; samples have ``pair``, ``view``, ``scene``,
    ``homography`` (3, 3) and ``view_sizes``, both views' (h, w).

    Args:
        data_root: a scene, or a folder of scenes; folders without a homography are left out.
        max_side: images whose longer side is greater, in px, are shrunk to that, and the homographies with them.
        scenes: how the names of the scenes begin: ``'v_'`` for HPatches' viewpoints, ``'i_'`` for its illuminations.
        test_mode: whether samples are measured on, as mmengine asks.
        pipeline: the transforms; they get ``img``, uint8, (h, w, 3), BGR, and ``img_path``.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: there is no pair in it, an image of a homography is missing or one number has two, or a
            homography is none.
    """

    def __init__(
        self,
        data_root: str,
        max_side: int | None = None,
        scenes: str = '',
        test_mode: bool = True,
        pipeline: Sequence = (),
    ) -> None:
        root = Path(data_root)
        if not root.is_dir():
            raise FileNotFoundError(f'folder of scenes {data_root} does not exist')
        folders = [root, *sorted(path for path in root.iterdir() if path.is_dir() and path.name.startswith(scenes))]
        self.pairs = [pair for folder in folders for pair in _pairs(folder)]
        if not self.pairs:
            raise InputError(
                f'{data_root}: expected views with homographies (1.ppm, 2.ppm, H_1_2 or img1.ppm, img2.ppm, H1to2p), '
                'in the folder or in folders right below it, got none'
            )
        self.max_side, self.test_mode, self.pipeline = max_side, test_mode, Compose(pipeline)

    @property
    def metainfo(self) -> dict:
        """What is to be known of all images."""
        return dict(dataset_name=type(self).__name__, boxes='whole images')

    def __len__(self) -> int:
        return 2 * len(self.pairs)

    def __getitem__(self, index: int) -> dict:
        """Give one view after the transforms."""
        return self.pipeline(self.get_data_info(index))

    def get_data_info(self, index: int) -> dict:
        """Give one view before the transforms."""
        number, view = divmod(index, 2)
        *paths, homography = self.pairs[number]
        images = [read_image(path) for path in paths]
        factors = [self._factor(image.shape) for image in images]
        images = [_shrunk(image, factor) for image, factor in zip(images, factors, strict=True)]
        resize1, resize2 = (_resize_matrix(factor) for factor in factors)
        return dict(
            img=images[view],
            img_path=paths[view],
            id=index,
            pair=number,
            view=view,
            scene=Path(paths[view]).parent.name,
            homography=resize2 @ homography @ np.linalg.inv(resize1),
            view_sizes=tuple(image.shape[:2] for image in images),
        )

    def _factor(self, shape: tuple) -> float:
        return min(1.0, self.max_side / max(shape[:2])) if self.max_side else 1.0


def has_homographies(root: str) -> bool:
    """Tell whether a folder, or a folder right in it, has files that are named as homographies."""
    return any(_HOMOGRAPHY.fullmatch(path.name) for pattern in ('*', '*/*') for path in Path(root).glob(pattern))


def _pairs(folder: Path) -> list[tuple[str, str, np.ndarray]]:
    """Give the two images' paths and the homography of each pair of a scene."""
    images, found = {}, []
    for path in sorted(folder.iterdir()):
        number = re.search(r'(\d+)$', path.stem)
        if path.suffix.lower() in SUFFIXES and number:
            images.setdefault(int(number[1]), []).append(path)
        elif match := _HOMOGRAPHY.fullmatch(path.name):
            found.append((int(match[1]), int(match[2]), path))
    return [
        (*(_the_image(images, number, path) for number in (first, second)), read_homography(path))
        for first, second, path in sorted(found)
    ]


def _the_image(images: dict[int, list[Path]], number: int, homography: Path) -> str:
    names = [path.name for path in images.get(number, [])]
    if len(names) != 1:
        got = f'got {", ".join(names)}' if names else 'got none'
        raise InputError(f'{homography}: expected one image with the number {number} beside it, {got}')
    return osp.join(homography.parent, names[0])


def _shrunk(image: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _resize_matrix(factor: float) -> np.ndarray:
    """Return the homography of a resizing; pixel i is centred at i."""
    return np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
