"""Where the pictures of predictions go."""

import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from mmengine.structures import InstanceData

from hybridkp.errors import InputError
from hybridkp.inference.comparison import Comparison
from hybridkp.inference.gallery import write_picture
from hybridkp.inference.label_file import LabelFile
from hybridkp.inference.media_frame import MediaFrame
from hybridkp.inference.media_source import MediaSource
from hybridkp.inference.people_picture import PeoplePicture
from hybridkp.inference.video_file import VideoFile


class PictureOutput:
    """Draws images, writes them to a folder, a video for a video, and shows them.

    A picture has the place in the folder that its image has below the folder that all images have in common. Beside
    their labels images of one instance are drawn as `Comparison` does, others as `PeoplePicture` does.

    Args:
        folder: where they go; None for nowhere.
        source: the images.
        picture: draws people.
        labels: of the images.
        one_each: whether every image has one instance, which the image's whole frame shows.
        show: whether there is a window.

    Attributes:
        labels: as given.
        wrong: labels that could not be drawn, a sentence each.

    Raises:
        InputError: if pictures would lie among the images, where one may overwrite another image.
    """

    def __init__(
        self,
        folder: str | None,
        source: MediaSource,
        picture: PeoplePicture,
        labels: LabelFile | None = None,
        one_each: bool = False,
        show: bool = False,
    ):
        self.folder, self._picture, self.labels = folder, picture, labels
        self._one_each, self._show, self.wrong = one_each, show, []
        self._paths = _output_paths(source, folder) if folder is not None else {}
        self._video: VideoFile | None = None
        self._current: str | None = None

    def add(self, frame: MediaFrame, image: np.ndarray, people: InstanceData, entries: list[dict]) -> bool:
        """Draw the people of one image, whose entries of the result file are needed, too.

        Returns:
            Whether to go on: whoever looks at the window may stop by q or Escape.

        Raises:
            InputError: it cannot be written or shown.
        """
        if self.folder is None and not self._show:
            return True
        picture = self._draw(frame, image, people, entries)
        if self.folder is not None:
            self._write(frame, picture)
        return not self._show or _shown(picture, frame)

    def close(self) -> None:
        """Finish the last video."""
        if self._video is not None:
            self._video.close()
            self._video = None

    def _draw(self, frame: MediaFrame, image: np.ndarray, people: InstanceData, entries: list[dict]) -> np.ndarray:
        labels = None
        if self.labels is not None:
            try:
                labels = self.labels.find(frame.path, image.shape[:2])
            except InputError as error:
                self.wrong.append(str(error))
        if labels is None:
            return self._picture.draw(image, people)
        if self._one_each and len(labels) == len(people) == 1:
            return Comparison(labels, entries).draw(self._picture.meta, self._picture.threshold)
        return self._picture.compare(image, people, labels, Path(frame.path).stem)

    def _write(self, frame: MediaFrame, picture: np.ndarray) -> None:
        if frame.number is None:
            write_picture(self._paths[frame.path], picture)
            return
        if self._current != frame.path:
            self.close()
            path = self._paths.get(frame.path) or Path(self.folder) / f'{frame.path.replace(":", "-")}.mp4'
            self._video, self._current = VideoFile(path, frame.rate), frame.path
        self._video.add(picture)


def _output_paths(source: MediaSource, folder: str) -> dict[str, Path]:
    """Give each image and video the path of its picture or video."""
    if not source.files:
        return {}
    places = {path: os.path.abspath(path) for path in source.files}
    root = os.path.commonpath([os.path.dirname(place) for place in places.values()])
    ends = {path: '.mp4' if source.is_video(path) else '.jpg' for path in places}
    bare = {path: os.path.splitext(os.path.relpath(place, root))[0] + ends[path] for path, place in places.items()}
    counts = Counter(bare.values())
    whole = {path: os.path.relpath(place, root) + ends[path] for path, place in places.items()}
    found = {path: Path(folder) / (bare if counts[bare[path]] == 1 else whole)[path] for path in places}
    folders = {os.path.realpath(os.path.dirname(place)) for place in places.values()}
    for path, picture in found.items():
        if os.path.realpath(picture.parent) in folders:
            raise InputError(f'{folder}: expected a folder without images of yours, got that of {path}')
    return found


def _shown(picture: np.ndarray, frame: MediaFrame) -> bool:
    """Show a picture in a window; says whether to go on."""
    try:
        cv2.imshow('hybridkp', picture)
        key = cv2.waitKey(0 if frame.number is None else 1) & 0xFF
    except cv2.error as error:
        raise InputError('a window needs a screen and an OpenCV with windows, which are not here') from error
    return key not in (27, ord('q'))
