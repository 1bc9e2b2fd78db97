"""Fitting whole images into an input of a given size without changing their aspect."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

GREY = 114
"""The value of what is added around an image, in every channel."""


@TRANSFORMS.register_module()
class Letterbox(BaseTransform):
    """Resize an image as a whole and add equal grey borders on both sides, for evaluation and inference.

    Unlike mmpose's ``BottomupResize``, which warps to fractions of a pixel, the resized image has whole pixels, as
    published single-stage networks have it. Sets ``img``, ``img_shape``, and what maps predictions back to the image:
    ``input_size`` (width, height), ``input_center`` and ``input_scale``, as mmpose does. Labels stay in image px.

    Args:
        input_size: (width, height) of the input in px.
        enlarge: whether images that are smaller than the input are enlarged.
        smooth: whether images are averaged over areas where they are made smaller, as the original does when it
            measures; else they are always interpolated, as it does when it detects.
        truncate: whether the resized sides are cut to whole pixels, as the original does when it measures, not rounded.
        multiple: if given, borders are only as wide as to reach a multiple of this, so that inputs differ in size.

    Raises:
        ValueError: if a size or the multiple is not positive.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        enlarge: bool = True,
        smooth: bool = False,
        truncate: bool = False,
        multiple: int | None = None,
    ) -> None:
        if min(*input_size, 1 if multiple is None else multiple) < 1:
            raise ValueError(
                f'Letterbox: expected positive sizes and a positive multiple, got {input_size}, {multiple}'
            )
        self.input_size, self.enlarge = tuple(input_size), enlarge
        self.smooth, self.truncate, self.multiple = smooth, truncate, multiple

    def transform(self, results: dict) -> dict:
        """Change a sample's image."""
        height, width = results['img'].shape[:2]
        box = fit((width, height), self.input_size, self.enlarge, self.truncate, self.multiple)
        image = results['img']
        if box.resized != (width, height):
            shrinks = self.smooth and box.resized[0] < width
            image = cv2.resize(image, box.resized, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        bottom, right = (
            o - r - b for o, r, b in zip(box.size[::-1], box.resized[::-1], (box.top, box.left), strict=True)
        )
        image = cv2.copyMakeBorder(image, box.top, bottom, box.left, right, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
        scale = np.array([width, height]) / box.resized
        shown = np.array(box.size) * scale
        results['img'], results['img_shape'] = image, image.shape[:2]
        results['input_size'], results['input_scale'] = box.size, shown.astype(np.float32)
        results['input_center'] = (0.5 * shown - np.array([box.left, box.top]) * scale).astype(np.float32)
        return results

    def __repr__(self) -> str:
        return (
            f'Letterbox(input_size={self.input_size}, enlarge={self.enlarge}, smooth={self.smooth}, '
            f'truncate={self.truncate}, multiple={self.multiple})'
        )


class _Fit(NamedTuple):
    """Where an image lies in the input: sizes (width, height), and the borders on the left and at the top, in px."""

    size: tuple[int, int]
    resized: tuple[int, int]
    left: int
    top: int


def fit(
    image: tuple[int, int],
    size: tuple[int, int],
    enlarge: bool = True,
    truncate: bool = False,
    multiple: int | None = None,
) -> _Fit:
    """Fit an image into an input, both (width, height) in px; half a pixel of border goes to the right and below."""
    ratio = min(inner / outer for inner, outer in zip(size, image, strict=True))
    ratio = ratio if enlarge else min(ratio, 1.0)
    whole = math.trunc if truncate else round
    resized = tuple(max(1, whole(side * ratio)) for side in image)
    borders = [outer - inner for outer, inner in zip(size, resized, strict=True)]
    if multiple is not None:
        borders = [border % multiple for border in borders]
    left, top = (round(border / 2 - 0.1) for border in borders)
    return _Fit(tuple(side + border for side, border in zip(resized, borders, strict=True)), resized, left, top)
