"""Smooth random deformation of an input and its keypoints."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ElasticDeformation(BaseTransform):
    """Shift the nodes of a coarse grid at random and deform the input smoothly between them, keypoints with it.

    Runs after the transform that crops (mmpose's ``TopdownAffine``), on ``img`` and ``transformed_keypoints``.
    mmpose has nothing like it, and its wrapper of Albumentations leaves the keypoints where they were. The field's
    value at a pixel says where that pixel is read from; a keypoint moves to the pixel that is read from its old place,
    found by fixed-point iteration.

    Args:
        magnitude: standard deviation of a node's shift along each axis, as a fraction of the input's side
            sqrt(h * w).
        nodes: number of nodes along the shorter side; along the longer one as many as the aspect ratio asks for.
        prob: how often an input is deformed.

    Raises:
        ValueError: a magnitude so large for the number of nodes that the deformation would fold, or a probability
            that is none.
    """

    iterations = 30
    fold = 0.15
    """Largest standard deviation of a shift over the distance of the nodes."""

    def __init__(self, magnitude: float = 0.01, nodes: int = 6, prob: float = 0.5) -> None:
        if nodes < 2 or not 0 < magnitude * (nodes - 1) <= self.fold:
            raise ValueError(
                f'ElasticDeformation: expected at least 2 nodes and 0 < magnitude <= {self.fold} / (nodes - 1), '
                f'got magnitude={magnitude} and nodes={nodes}'
            )
        if not 0 <= prob <= 1:
            raise ValueError(f'ElasticDeformation: expected a probability as prob, got {prob}')
        self.magnitude, self.nodes, self.prob = magnitude, nodes, prob

    def transform(self, results: dict) -> dict:
        """Deform a sample, or leave it."""
        if np.random.random() >= self.prob:
            return results
        field = self._field(*results['img'].shape[:2])
        results['img'] = deform_image(results['img'], field)
        if results.get('transformed_keypoints') is not None:
            points = results['transformed_keypoints'].copy()
            points[..., :2] = deform_points(points[..., :2], field, self.iterations)
            results['transformed_keypoints'] = points
        return results

    def _field(self, height: int, width: int) -> np.ndarray:
        """Draw a field (h, w, 2), (x, y) in px."""
        distance = min(height, width) / (self.nodes - 1)
        rows, columns = (max(2, round(side / distance) + 1) for side in (height, width))
        shifts = np.random.normal(0, self.magnitude * np.sqrt(height * width), (rows, columns, 2))
        x, y = np.linspace(0, columns - 1, width), np.linspace(0, rows - 1, height)
        grid = (part.astype(np.float32) for part in np.meshgrid(x, y))
        return cv2.remap(shifts.astype(np.float32), *grid, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def __repr__(self) -> str:
        return f'ElasticDeformation(magnitude={self.magnitude}, nodes={self.nodes}, prob={self.prob})'


def deform_image(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Read each pixel of an image (h, w[, C]) from its place plus the field's value (h, w, 2) there."""
    height, width = field.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)


def deform_points(points: np.ndarray, field: np.ndarray, iterations: int) -> np.ndarray:
    """Move points (..., 2) px to where a field (h, w, 2) shows what was there: solve q + field(q) = p for q."""
    old = points.reshape(-1, 1, 2).astype(np.float32)
    new = old
    for _ in range(iterations):
        shift = cv2.remap(field, new, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        new = old - shift
    return new.reshape(points.shape).astype(points.dtype)
