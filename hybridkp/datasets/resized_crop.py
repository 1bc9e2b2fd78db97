"""A part of an image at the size of the network's input."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizedCrop(BaseTransform):
    """Crop ``img`` to the aspect of the input and resize it, averaging pixels where it shrinks; nothing is filled in.

    Args:
        input_size: (width, height) of the result in px.
        shares: from and to which share of the largest crop's side the crop's side is drawn; an image is not enlarged
            for a smaller share.
        random: whether the crop's size and place, and whether it is mirrored, are drawn; otherwise it is the largest
            one in the middle.

    Raises:
        ValueError: the shares are none.
    """

    def __init__(
        self, input_size: tuple[int, int], shares: tuple[float, float] = (0.4, 1.0), random: bool = True
    ) -> None:
        if not 0 < shares[0] <= shares[1] <= 1:
            raise ValueError(f'ResizedCrop: expected shares with 0 < from <= to <= 1, got {tuple(shares)}')
        self.input_size, self.shares, self.random = tuple(input_size), tuple(shares), random

    def transform(self, results: dict) -> dict:
        """Crop a sample's image; adds ``img_shape`` and ``input_size``."""
        image = results['img']
        height, width = image.shape[:2]
        factor = min(width / self.input_size[0], height / self.input_size[1])
        if self.random:
            factor *= np.random.uniform(max(self.shares[0], min(self.shares[1], 1 / factor)), self.shares[1])
        crop = [min(max(round(self.input_size[i] * factor), 1), (width, height)[i]) for i in (0, 1)]
        free = np.array([width - crop[0], height - crop[1]])
        left, top = np.random.randint(0, free + 1) if self.random else free // 2
        image = image[top : top + crop[1], left : left + crop[0]]
        shrinks = crop[0] > self.input_size[0]
        image = cv2.resize(image, self.input_size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        if self.random and np.random.rand() < 0.5:
            image = cv2.flip(image, 1)  # the small one: a mirrored view of the large one would be copied to be resized
        return dict(results, img=image, img_shape=image.shape[:2], input_size=self.input_size)

    def __repr__(self) -> str:
        return f'ResizedCrop(input_size={self.input_size}, shares={self.shares}, random={self.random})'
