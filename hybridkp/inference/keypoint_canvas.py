"""Drawing of keypoints with their covariances."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from hybridkp.ops.covariance import to_sigmas

_SHIFT = 4
"""OpenCV draws at 1/16 px."""
_BARS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Lengths in mm that a scale bar may have."""


class KeypointCanvas:
    """An enlarged image to draw on; points and covariances are given in px of the original.

    Args:
        image: (h, w, 3), uint8, BGR.
        zoom: the enlargement.
        weight: how many times as thick as usual lines and dots are; may be changed between two things drawn.
    """

    def __init__(self, image: np.ndarray, zoom: float = 1.0, weight: float = 1.0):
        self.zoom, self.weight = zoom, weight
        size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
        self.image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA)

    def links(self, keypoints: np.ndarray, shown: np.ndarray, links: Sequence[tuple[int, int]]) -> None:
        """Draw thin lines between linked keypoints (K, 2) where both ends are `shown` (K,)."""
        for start, end in links:
            if shown[start] and shown[end]:
                ends = self._position(keypoints[start]), self._position(keypoints[end])
                cv2.line(self.image, *ends, (200, 200, 200), self._thick(1), cv2.LINE_AA, _SHIFT)

    def limbs(
        self, keypoints: np.ndarray, shown: np.ndarray, links: Sequence[tuple[int, int]], colors: np.ndarray
    ) -> None:
        """Draw outlined lines between linked keypoints (K, 2), in RGB colours (L, 3) of the L links."""
        for outline in (True, False):
            for (start, end), color in zip(links, colors, strict=True):
                if shown[start] and shown[end]:
                    ends = self._position(keypoints[start]), self._position(keypoints[end])
                    bgr, thickness = ((255, 255, 255), 4) if outline else (_bgr(color), 2)
                    cv2.line(self.image, *ends, bgr, self._thick(thickness), cv2.LINE_AA, _SHIFT)

    def frame(self, corner: tuple[int, int], size: tuple[int, int]) -> None:
        """Draw a frame about the part of a size (h, w) px of the original that begins at the pixel (x, y)."""
        ends = np.array(corner) - 0.5, np.array(corner) + size[::-1] - 0.5
        ends = [self._position(end) for end in ends]
        for thickness, bgr in ((4, (0, 0, 0)), (2, (255, 255, 255))):
            cv2.rectangle(self.image, *ends, bgr, self._thick(thickness), cv2.LINE_AA, _SHIFT)

    def box(self, corners: np.ndarray, text: str, color: np.ndarray) -> None:
        """Draw a thin box, left, top, right, bottom (4,), in an RGB colour, with a text in it if it is wide enough."""
        ends = self._position(corners[:2]), self._position(corners[2:])
        cv2.rectangle(self.image, *ends, _bgr(color), self._thick(1), cv2.LINE_AA, _SHIFT)
        left, top = (max(round(coordinate / 2**_SHIFT), 0) for coordinate in ends[0])
        scale = 0.4 * max(self.weight, 1.0)
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        if text and width + 4 <= (ends[1][0] - ends[0][0]) / 2**_SHIFT:
            corner = left + width + 4, top + height + below + 2
            cv2.rectangle(self.image, (left, top), corner, _bgr(color), -1)
            place = left + 2, top + height + 2
            cv2.putText(self.image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)

    def errors(self, labels: np.ndarray, keypoints: np.ndarray, shown: np.ndarray, colors: np.ndarray) -> None:
        """Draw lines from labels (K, 2) to predictions (K, 2), in RGB colours (K, 3)."""
        for start, end, visible, color in zip(labels, keypoints, shown, colors, strict=True):
            if visible:
                ends = self._position(start), self._position(end)
                for thickness, bgr in ((4, (255, 255, 255)), (2, _bgr(color))):
                    cv2.line(self.image, *ends, bgr, self._thick(thickness), cv2.LINE_AA, _SHIFT)

    def labels(self, keypoints: np.ndarray, shown: np.ndarray, colors: np.ndarray) -> None:
        """Draw labelled keypoints (K, 2) as crosses, in RGB colours (K, 3)."""
        arm = round(6 * self.weight * 2**_SHIFT)
        for point, visible, color in zip(keypoints, shown, colors, strict=True):
            if visible:
                x, y = self._position(point)
                for thickness, bgr in ((3, (255, 255, 255)), (1, _bgr(color))):
                    for ends in (((x - arm, y), (x + arm, y)), ((x, y - arm), (x, y + arm))):
                        cv2.line(self.image, *ends, bgr, self._thick(thickness), cv2.LINE_AA, _SHIFT)

    def predictions(
        self, keypoints: np.ndarray, covariances: np.ndarray, shown: np.ndarray, colors: np.ndarray
    ) -> None:
        """Draw predicted keypoints (K, 2) as dots, each with the one-sigma ellipse of its covariance (K, 2, 2)."""
        axes = [part.numpy() for part in to_sigmas(torch.as_tensor(covariances, dtype=torch.float64))]
        for point, sigma1, sigma2, angle, visible, color in zip(keypoints, *axes, shown, colors, strict=True):
            if visible:
                center = self._position(point)
                halves = tuple(round(float(sigma) * self.zoom * 2**_SHIFT) for sigma in (sigma1, sigma2))
                turn, line = float(np.degrees(angle)), self._thick(1)
                cv2.ellipse(self.image, center, halves, turn, 0, 360, _bgr(color), line, cv2.LINE_AA, _SHIFT)
                for radius, bgr in ((3.5, (255, 255, 255)), (2.5, _bgr(color))):
                    radius = round(radius * self.weight * 2**_SHIFT)
                    cv2.circle(self.image, center, radius, bgr, -1, cv2.LINE_AA, _SHIFT)

    def name(self, point: np.ndarray, text: str) -> None:
        """Write a name at the upper right of a point (2,), or at its left where the image ends."""
        x, y = (coordinate / 2**_SHIFT for coordinate in self._position(point))
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
        left = x + 8 if x + 8 + width < self.image.shape[1] else x - 8 - width
        self._outlined(text, (round(left), max(round(y) - 8, 12)), 0.45)

    def scale_bar(self, spacing: float) -> None:
        """Draw a bar of at most a fifth of the width, at the lower left, with its length, for a pixel of so many mm."""
        mm_wide = self.image.shape[1] / self.zoom * spacing
        length = max((mm for mm in _BARS if mm <= mm_wide / 5), default=_BARS[0])
        left, bottom = 14, self.image.shape[0] - 14
        right = left + round(length / spacing * self.zoom)
        for thickness, bgr in ((5, (0, 0, 0)), (3, (255, 255, 255))):
            cv2.line(self.image, (left, bottom), (right, bottom), bgr, thickness)
        self._outlined(f'{length:g} mm', (left, bottom - 8), 0.5)

    def caption(self, text: str) -> None:
        """Add a line of text below the image."""
        width = self.image.shape[1]
        strip = np.full((24, width, 3), 255, np.uint8)
        scale = min(0.45, 0.45 * (width - 12) / cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0])
        cv2.putText(strip, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
        self.image = np.concatenate((self.image, strip))

    def _thick(self, thickness: int) -> int:
        """Return a thickness in px of the canvas, at least 1."""
        return max(1, round(thickness * self.weight))

    def _outlined(self, text: str, place: tuple[int, int], scale: float) -> None:
        for thickness, bgr in ((3, (0, 0, 0)), (1, (255, 255, 255))):
            cv2.putText(self.image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, bgr, thickness, cv2.LINE_AA)

    def _position(self, point: np.ndarray) -> tuple[int, int]:
        """Return a point's place in 1/16 px of the canvas; pixel centres are integers on both."""
        x, y = (np.asarray(point, dtype=float) + 0.5) * self.zoom - 0.5
        return round(x * 2**_SHIFT), round(y * 2**_SHIFT)


def _bgr(color: np.ndarray) -> tuple[int, int, int]:
    return tuple(int(channel) for channel in color[::-1])
