"""Smoothing before an image is made smaller."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SmoothDownscale(BaseTransform):
    """Smooth the image as much as the crop that follows will shrink it, which interpolates without doing so.

    Runs right before mmpose's ``TopdownAffine``. An image that is shrunk by a factor f is smoothed by a Gaussian of
    sigma = sqrt(f^2 - 1) / 2 px, which leaves what is shrunk as smooth as what is not; one that is enlarged passes.

    Args:
        input_size: (width, height) of the crop in px.
    """

    def __init__(self, input_size: tuple[int, int]) -> None:
        self.input_size = tuple(input_size)

    def transform(self, results: dict) -> dict:
        """Smooth a sample's image."""
        if 'bbox_scale' not in results:
            raise ValueError(f'SmoothDownscale: expected a key "bbox_scale", got {sorted(results)}')
        factor = float((np.asarray(results['bbox_scale'][0]) / self.input_size).max())
        if factor > 1:
            sigma = 0.5 * np.sqrt(factor**2 - 1)
            results['img'] = cv2.GaussianBlur(results['img'], (0, 0), sigma)
        return results

    def __repr__(self) -> str:
        return f'SmoothDownscale(input_size={self.input_size})'
