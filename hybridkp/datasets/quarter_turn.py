"""Images turned by quarters, with the turn for a class."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class QuarterTurn(BaseTransform):
    """Turn ``img``, which has to be square, by a multiple of a quarter, and make that multiple its class.

    Who tells upright pictures from turned ones has learnt what is in them, and nobody had to label them (Gidaris,
    Singh and Komodakis 2018, "Unsupervised representation learning by predicting image rotations").

    Args:
        random: whether the turn is drawn; otherwise it is the remainder of ``id`` by 4, so that an image is always
            turned alike.
    """

    classes = ('upright', 'left', 'upside down', 'right')
    """The side that the top of the picture comes to lie on, by class."""

    def __init__(self, random: bool = True) -> None:
        self.random = random

    def transform(self, results: dict) -> dict:
        """Turn a sample's image by ``gt_label`` quarters, 0 to 3, anticlockwise.

        Raises:
            ValueError: the image is not square.
        """
        height, width = results['img'].shape[:2]
        if height != width:
            raise ValueError(f'QuarterTurn: expected a square image, got {width} x {height} px')
        turns = int(np.random.randint(4)) if self.random else results['id'] % 4
        return dict(results, img=np.rot90(results['img'], turns), gt_label=turns)

    def __repr__(self) -> str:
        return f'QuarterTurn(random={self.random})'
