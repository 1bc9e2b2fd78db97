"""The part of a frame that a network sees."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FrameRegion(BaseTransform):
    """Take one region of every frame as a sample's box, so that no pixel of the input is spent beside it.

    For sets whose frames show the same things in the same place, as X-ray units that fix the head do. Runs after the
    image is read and before mmpose's ``GetBBoxCenterScale``.

    Args:
        region: (left, top, right, bottom) as fractions of the frame's width and height.

    Raises:
        ValueError: if the region is empty or leaves the frame.
    """

    def __init__(self, region: Sequence[float]) -> None:
        left, top, right, bottom = region
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                f'FrameRegion: expected fractions 0 <= left < right <= 1, 0 <= top < bottom <= 1, got {tuple(region)}'
            )
        self.region = tuple(region)

    def transform(self, results: dict) -> dict:
        """Set ``bbox`` (1, 4), in px as (left, top, right, bottom)."""
        height, width = results['img'].shape[:2]
        results['bbox'] = np.array([self.region], np.float32) * np.array([width, height, width, height], np.float32)
        return results

    def __repr__(self) -> str:
        return f'FrameRegion(region={self.region})'
