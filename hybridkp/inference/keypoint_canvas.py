"""Drawing of keypoints with their covariances."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from hybridkp.ops.covariance import to_sigmas

_SHIFT = 4
"""OpenCV draws at 1/16 px."""


class KeypointCanvas:
    """An enlarged image to draw on; points and covariances are given in px of the original.

    Args:
        image: (h, w, 3), uint8, BGR.
        zoom: the enlargement.
    """

    def __init__(self, image: np.ndarray, zoom: float = 1.0):
        self.zoom = zoom
        size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
        self.image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA)

    def links(self, keypoints: np.ndarray, shown: np.ndarray, links: Sequence[tuple[int, int]]) -> None:
        """Draw thin lines between linked keypoints (K, 2) where both ends are `shown` (K,)."""
        for start, end in links:
            if shown[start] and shown[end]:
                ends = self._position(keypoints[start]), self._position(keypoints[end])
                cv2.line(self.image, *ends, (200, 200, 200), 1, cv2.LINE_AA, _SHIFT)

    def labels(self, keypoints: np.ndarray, shown: np.ndarray, colors: np.ndarray) -> None:
        """Draw labelled keypoints (K, 2) as crosses, in RGB colours (K, 3)."""
        arm = round(6 * 2**_SHIFT)
        for point, visible, color in zip(keypoints, shown, colors, strict=True):
            if visible:
                x, y = self._position(point)
                for thickness, bgr in ((3, (255, 255, 255)), (1, _bgr(color))):
                    cv2.line(self.image, (x - arm, y), (x + arm, y), bgr, thickness, cv2.LINE_AA, _SHIFT)
                    cv2.line(self.image, (x, y - arm), (x, y + arm), bgr, thickness, cv2.LINE_AA, _SHIFT)

    def predictions(
        self, keypoints: np.ndarray, covariances: np.ndarray, shown: np.ndarray, colors: np.ndarray
    ) -> None:
        """Draw predicted keypoints (K, 2) as dots, each with the one-sigma ellipse of its covariance (K, 2, 2)."""
        axes = [part.numpy() for part in to_sigmas(torch.as_tensor(covariances, dtype=torch.float64))]
        for point, sigma1, sigma2, angle, visible, color in zip(keypoints, *axes, shown, colors, strict=True):
            if visible:
                center = self._position(point)
                halves = tuple(round(float(sigma) * self.zoom * 2**_SHIFT) for sigma in (sigma1, sigma2))
                cv2.ellipse(
                    self.image, center, halves, float(np.degrees(angle)), 0, 360, _bgr(color), 1, cv2.LINE_AA, _SHIFT
                )
                for radius, bgr in ((3.5, (255, 255, 255)), (2.5, _bgr(color))):
                    cv2.circle(self.image, center, round(radius * 2**_SHIFT), bgr, -1, cv2.LINE_AA, _SHIFT)

    def caption(self, text: str) -> None:
        """Add a line of text below the image."""
        width = self.image.shape[1]
        strip = np.full((24, width, 3), 255, np.uint8)
        scale = min(0.45, 0.45 * (width - 12) / cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0])
        cv2.putText(strip, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
        self.image = np.concatenate((self.image, strip))

    def _position(self, point: np.ndarray) -> tuple[int, int]:
        """Return a point's place in 1/16 px of the canvas; pixel centres are integers on both."""
        x, y = (np.asarray(point, dtype=float) + 0.5) * self.zoom - 0.5
        return round(x * 2**_SHIFT), round(y * 2**_SHIFT)


def _bgr(color: np.ndarray) -> tuple[int, int, int]:
    return tuple(int(channel) for channel in color[::-1])
