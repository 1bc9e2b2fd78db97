"""Images, folders, videos and webcams as one stream of images."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from hybridkp.datasets.image_listing import SUFFIXES, ImageListing
from hybridkp.errors import InputError
from hybridkp.inference.media_frame import MediaFrame

VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm', '.wmv')
"""How the names of videos end, in small letters."""
_WHOLE = 0.95
"""Which part of the frames that a video announces it has at least; some announce a few too many."""

Inputs = str | Path | int | np.ndarray | Sequence


class MediaSource:
    """The images of what a user names, one after another, read when they are needed.

    Args:
        inputs: the path of an image, of a folder, whose images and those of the folders below it are taken, or of a
            video; a glob pattern of images and videos; ``'webcam:0'`` or the number of a webcam; an image (h, w, 3),
            BGR, or (h, w), both uint8; or a list of these.

    Attributes:
        parts: the paths of images and videos, numbers of webcams and images, in order.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: there is no image in the folder or of the pattern, or the file is neither image nor video.
    """

    def __init__(self, inputs: Inputs):
        listed = inputs if isinstance(inputs, list | tuple) else [inputs]
        self.parts: list[str | int | np.ndarray] = [part for one in listed for part in _parts(one)]
        if not self.parts:
            raise InputError('expected at least one image, got an empty list')

    @property
    def files(self) -> list[str]:
        """Return the paths of all images and videos."""
        return [part for part in self.parts if isinstance(part, str)]

    @property
    def is_live(self) -> bool:
        """Say whether a webcam is among the parts, whose images are there one by one and without an end."""
        return any(isinstance(part, int) for part in self.parts)

    @property
    def has_videos(self) -> bool:
        """Say whether frames have numbers."""
        return any(isinstance(part, int) or _is_video(part) for part in self.parts)

    @staticmethod
    def is_video(path: str) -> bool:
        """Say whether a path is that of a video, by its name."""
        return path.lower().endswith(VIDEOS)

    def count(self) -> int | None:
        """Count the images, those of videos as these announce; None where there is no end."""
        if self.is_live:
            return None
        videos = [part for part in self.parts if _is_video(part)]
        return len(self.parts) - len(videos) + sum(_announced(path) for path in videos)

    def frames(self, skipped: list[str] | None = None) -> Iterator[MediaFrame]:
        """Give the images in order; a file is not read before its `MediaFrame.read`.

        Args:
            skipped: takes what is wrong with videos, a sentence each; without it, the first such ends the stream.

        Raises:
            InputError: without `skipped`: a video cannot be read or ends too early, or there is no such webcam.
        """
        for i, part in enumerate(self.parts):
            if isinstance(part, np.ndarray):
                yield MediaFrame(f'image {i}', image=part)
            elif isinstance(part, str) and not _is_video(part):
                yield MediaFrame(part)
            else:
                yield from self._captured(part, skipped)

    @staticmethod
    def _captured(part: str | int, skipped: list[str] | None) -> Iterator[MediaFrame]:
        name = part if isinstance(part, str) else f'webcam:{part}'
        capture = cv2.VideoCapture(part)
        try:
            if not capture.isOpened():
                what = 'a video, got a file that OpenCV cannot decode' if name is part else 'a webcam, found none'
                raise InputError(f'{name}: expected {what}')
            number, rate = 0, capture.get(cv2.CAP_PROP_FPS)
            while (image := capture.read()[1]) is not None:
                yield MediaFrame(name, number, image, rate if np.isfinite(rate) and rate > 0 else None)
                number += 1
            announced = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 1)
            if number < _WHOLE * announced:
                raise InputError(f'{name}: expected {announced} frames, got a video that ends after {number}')
        except InputError as error:
            if skipped is None:
                raise
            skipped.append(str(error))
        finally:
            capture.release()


def _parts(one: str | Path | int | np.ndarray) -> list[str | int | np.ndarray]:
    """Give the images, videos and webcams that one input stands for."""
    if isinstance(one, np.ndarray) or (isinstance(one, int) and not isinstance(one, bool)):
        return [one]
    if not isinstance(one, str | Path):
        raise TypeError(f'expected a path, the number of a webcam or an image as an array, got a {type(one).__name__}')
    path = os.fspath(one)
    if os.path.isdir(path):
        return [os.path.join(path, name) for name in ImageListing(path)]
    if os.path.isfile(path):
        return [path]
    if webcam := re.fullmatch(r'(?:webcam:)?(\d+)|webcam', path):
        return [int(webcam[1] or 0)]
    if glob.has_magic(path):
        return _matches(path)
    raise FileNotFoundError(f'{path}: there is no such image, folder or video')


def _matches(pattern: str) -> list[str]:
    found = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
    media = [path for path in found if path.lower().endswith(SUFFIXES + VIDEOS)]
    if not media:
        raise InputError(
            f'{pattern}: expected images ({", ".join(SUFFIXES)}) or videos ({", ".join(VIDEOS)}), '
            f'got {len(found)} other files'
        )
    return media


def _is_video(part: str | int | np.ndarray) -> bool:
    return isinstance(part, str) and MediaSource.is_video(part)


def _announced(path: str) -> int:
    capture = cv2.VideoCapture(path)
    try:
        return max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 1)
    finally:
        capture.release()
