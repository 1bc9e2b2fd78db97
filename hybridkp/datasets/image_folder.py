"""Images without labels."""

import os.path as osp
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmpose.registry import DATASETS
from torch.utils.data import Dataset

from hybridkp.datasets.image_listing import ImageListing
from hybridkp.datasets.read_image import read_image
from hybridkp.errors import InputError


@DATASETS.register_module()
class ImageFolder(Dataset):
    """Every image below a folder, flat or in ImageNet's layout (``train/n01440764/*.JPEG``), without labels.

    An image that cannot be read or is too small is said in the log, counted, and replaced by the next one that can be
    used, by all workers of the process alike; `skipped` names them. Grey images, 16-bit ones (divided by 256), CMYK
    ones and those with transparency (dropped) become 8-bit colour, of an animated one the first frame is taken, and
    what the camera says of its orientation is followed, all as OpenCV does it.

    Args:
        data_root: the folder that the other one is relative to.
        folder: the folder of the images.
        part: from and to which share of the images, in an order drawn with `seed`, belong to this set: (0, 0.9) to
            train on and (0.9, 1) to measure on divide one folder.
        limit: greatest number of images, the first ones of that order; None for all.
        seed: of the order.
        min_side: smallest width and height of an image in px.
        test_mode: whether samples are measured on rather than trained on.
        pipeline: the transforms; they get ``img``, uint8, (h, w, 3), BGR, ``img_path`` and ``id``.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: it has no image, or that part of it has none.
        ValueError: the part is none.
    """

    def __init__(
        self,
        data_root: str = '',
        folder: str = '',
        part: tuple[float, float] = (0.0, 1.0),
        limit: int | None = None,
        seed: int = 0,
        min_side: int = 32,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        if not 0 <= part[0] < part[1] <= 1:
            raise ValueError(f'ImageFolder: expected a part (from, to) with 0 <= from < to <= 1, got {tuple(part)}')
        self.min_side, self.test_mode, self.pipeline = min_side, test_mode, Compose(pipeline)
        self.listing = ImageListing(osp.join(data_root, folder))
        order = np.random.default_rng(seed).permutation(len(self.listing))
        self.order = order[round(part[0] * len(order)) : round(part[1] * len(order))][:limit]
        if not len(self.order):
            raise InputError(
                f'{self.listing.root}: expected images in the part {tuple(part)}, got none of {len(self.listing)}'
            )
        self._unusable = torch.zeros(len(self.order), dtype=torch.bool).share_memory_()
        if self.listing.warning:
            MMLogger.get_current_instance().warning(self.listing.warning)

    @property
    def metainfo(self) -> dict:
        """What is to be known of all images."""
        return dict(dataset_name=type(self).__name__, boxes='whole images')

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> dict:
        """Give one sample after the transforms."""
        return self.pipeline(self.get_data_info(index))

    def get_data_info(self, index: int) -> dict:
        """Give one sample before the transforms; ``id`` is the place of the image that is used.

        Raises:
            InputError: no image can be used.
        """
        for step in range(len(self.order)):
            place = (index + step) % len(self.order)
            if self._unusable[place]:
                continue
            path = self.path(place)
            try:
                return dict(img=self._read(path), img_path=path, id=place)
            except (InputError, FileNotFoundError) as error:
                self._unusable[place] = True
                count = int(self._unusable.sum())
                MMLogger.get_current_instance().warning(f'skipped image {count}: {error}')
        raise InputError(f'{self.listing.root}: expected images that can be used, got none of {len(self.order)}')

    def path(self, place: int) -> str:
        """Give the path of the image at a place of this set."""
        return osp.join(self.listing.root, self.listing[int(self.order[place])])

    def skipped(self) -> list[str]:
        """Give the paths of the images that could not be used so far, by whichever worker."""
        return [self.path(int(place)) for place in self._unusable.nonzero()[:, 0]]

    def _read(self, path: str) -> np.ndarray:
        image = read_image(path)
        height, width = image.shape[:2]
        if min(height, width) < self.min_side:
            raise InputError(
                f'{path}: expected an image of at least {self.min_side} x {self.min_side} px, got {width} x {height}'
            )
        return image
