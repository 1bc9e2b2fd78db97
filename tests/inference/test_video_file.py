"""Videos that appear whole."""

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.video_file import VideoFile


def test_a_video_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / 'new/v.mp4'
    video = VideoFile(path, rate=12)
    for i in range(4):
        video.add(np.full((33, 41, 3), 60 * i, np.uint8))
    assert not path.exists()
    video.close()
    capture = cv2.VideoCapture(str(path))
    assert [capture.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)] == [12, 4]
    frames = [capture.read()[1] for _ in range(4)]
    assert [round(frame.mean() / 60) for frame in frames] == [0, 1, 2, 3] and frames[0].shape == (32, 40, 3)
    assert [entry.name for entry in path.parent.iterdir()] == ['v.mp4']


def test_nothing_is_written_of_nothing(tmp_path):
    VideoFile(tmp_path / 'v.mp4').close()
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='video .*v.mp4 cannot be written'):
        VideoFile(tmp_path / 'file' / 'v.mp4').add(np.zeros((32, 32, 3), np.uint8))
