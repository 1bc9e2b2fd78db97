"""A video of pictures that appears whole or not at all."""

import os
from pathlib import Path

import cv2
import numpy as np

from hybridkp.errors import InputError

RATE = 25.0
"""Frames a second where nobody knows."""


class VideoFile:
    """Writes pictures of one size as an MPEG-4 video, beside its place at first.

    Args:
        path: the file, .mp4.
        rate: frames a second.
    """

    def __init__(self, path: str | Path, rate: float | None = None):
        self.path, self.rate, self._writer = Path(path), rate or RATE, None
        self._temporary = self.path.with_name(f'.{self.path.stem}.{os.getpid()}.mp4')

    def add(self, picture: np.ndarray) -> None:
        """Add a picture (h, w, 3), BGR, uint8; of odd sides the last row or column is left out.

        Raises:
            InputError: the video cannot be written there.
        """
        if self._writer is None:
            self._open(picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        width, height = self._size
        self._writer.write(np.ascontiguousarray(picture[:height, :width]))

    def close(self) -> None:
        """Put the video into its place, if there is a picture in it."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            os.replace(self._temporary, self.path)

    def _open(self, width: int, height: int) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'video {self.path} cannot be written: {error.strerror}') from error
        self._size = max(width, 2), max(height, 2)
        self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter_fourcc(*'mp4v'), self.rate, self._size)
        if not self._writer.isOpened():
            self._writer = None
            raise InputError(f'video {self.path} cannot be written: OpenCV does not open it')
