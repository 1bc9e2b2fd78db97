"""One image to predict on."""

from dataclasses import dataclass

import numpy as np

from hybridkp.datasets.read_image import read_image
from hybridkp.errors import InputError


@dataclass(frozen=True)
class MediaFrame:
    """An image file, an image in memory or one frame of a video or a webcam.

    Args:
        path: the image file or the video, or what stands for it: ``'webcam:0'``, ``'image 3'`` of a list.
        number: that of a video's frame, from 0; None for an image.
        image: (h, w, 3), BGR, or grey, (h, w), both uint8; None where it is in the file.
        rate: frames a second of the video, None where nobody knows.
    """

    path: str
    number: int | None = None
    image: np.ndarray | None = None
    rate: float | None = None

    @property
    def name(self) -> str:
        """Say which image it is."""
        return self.path if self.number is None else f'{self.path}: frame {self.number}'

    @property
    def is_file(self) -> bool:
        """Say whether the image is a file of its own."""
        return self.image is None

    def read(self, color_type: str = 'color') -> np.ndarray:
        """Give the image, uint8: that in memory as it is, a file's as (h, w, 3), BGR, or, grey, as (h, w).

        Args:
            color_type: ``'color'`` or ``'grayscale'``, as in mmcv's ``LoadImageFromFile``.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: it is no image.
        """
        if self.image is None:
            return read_image(self.path, color_type=color_type)
        shape, dtype = self.image.shape, self.image.dtype
        if dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or not self.image.size:
            raise InputError(f'{self.name}: expected an image (h, w, 3), BGR, or (h, w), uint8, got {shape}, {dtype}')
        return self.image
