"""What inputs stand for."""

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.media_source import MediaSource


@pytest.fixture
def media(tmp_path):
    """A folder with two images, one of them below, a video of three frames, and a text."""
    (tmp_path / 'below').mkdir()
    for name in ('b.jpg', 'below/a.PNG'):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 6, 3), np.uint8))
    writer = cv2.VideoWriter(str(tmp_path / 'v.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 24))
    for i in range(3):
        writer.write(np.full((24, 32, 3), 60 * i, np.uint8))
    writer.release()
    (tmp_path / 'notes.txt').write_text('no image')
    return tmp_path


def names(source, root):
    return [(frame.path.removeprefix(f'{root}/'), frame.number) for frame in source.frames()]


def test_folders_patterns_and_lists(media):
    assert names(MediaSource(media), media) == [('b.jpg', None), ('below/a.PNG', None)]
    assert names(MediaSource(f'{media}/*'), media) == [('b.jpg', None), ('v.avi', 0), ('v.avi', 1), ('v.avi', 2)]
    assert names(MediaSource(f'{media}/**/*.PNG'), media) == [('below/a.PNG', None)]
    several = MediaSource([f'{media}/below', np.zeros((4, 4), np.uint8), media / 'b.jpg'])
    assert names(several, media) == [('below/a.PNG', None), ('image 1', None), ('b.jpg', None)]
    assert several.count() == 3 and several.files == [f'{media}/below/a.PNG', f'{media}/b.jpg']


def test_videos(media):
    source = MediaSource(f'{media}/v.avi')
    frames = list(source.frames())
    assert source.has_videos and not source.is_live and source.count() == 3
    assert [frame.number for frame in frames] == [0, 1, 2] and all(frame.rate == 5 for frame in frames)
    assert [round(frame.read().mean() / 60) for frame in frames] == [0, 1, 2]
    assert not MediaSource(str(media)).has_videos


def test_a_damaged_video_is_named_or_skipped(media):
    (media / 'broken.mp4').write_bytes(b'no video' * 99)
    with pytest.raises(InputError, match='broken.mp4: expected a video, got a file that OpenCV cannot decode'):
        list(MediaSource(f'{media}/broken.mp4').frames())
    skipped = []
    both = MediaSource([f'{media}/broken.mp4', f'{media}/b.jpg'])
    assert [frame.path for frame in both.frames(skipped)] == [f'{media}/b.jpg'] and len(skipped) == 1


class Capture:
    """Stands in for a webcam or a video that ends after two frames and announces another count."""

    announced = 0

    def __init__(self, part):
        self.left, Capture.part = 2, part

    def isOpened(self):
        return self.left is not None

    def get(self, key):
        return self.announced if key == cv2.CAP_PROP_FRAME_COUNT else float('nan')

    def read(self):
        self.left -= 1
        return (True, np.zeros((4, 4, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self):
        self.left = None


@pytest.mark.parametrize('name, number', [('webcam:1', 1), ('webcam', 0), ('2', 2), (3, 3)])
def test_webcams(name, number, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    source = MediaSource(name)
    assert source.is_live and source.has_videos and source.count() is None and source.files == []
    frames = list(source.frames())
    assert Capture.part == number and [frame.path for frame in frames] == [f'webcam:{number}'] * 2
    assert [frame.number for frame in frames] == [0, 1] and frames[0].rate is None


def test_a_video_that_ends_too_early(media, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    monkeypatch.setattr(Capture, 'announced', 9)
    skipped = []
    assert len(list(MediaSource(f'{media}/v.avi').frames(skipped))) == 2
    assert skipped == [f'{media}/v.avi: expected 9 frames, got a video that ends after 2']


def test_a_video_without_frames(media, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    monkeypatch.setattr(Capture, 'announced', 0)
    monkeypatch.setattr(Capture, 'read', lambda self: (False, None))
    skipped = []
    assert list(MediaSource(f'{media}/v.avi').frames(skipped)) == []
    assert skipped == [f'{media}/v.avi: expected 1 frames, got a video that ends after 0']


@pytest.mark.parametrize(
    'name, message',
    [
        ('nowhere', 'nowhere: there is no such image, folder or video'),
        ('*.gif', r'\*.gif: expected images .* or videos .*, got 0 other files'),
        ('*.txt', r'\*.txt: expected images .* or videos .*, got 1 other files'),
        ('empty', 'empty: expected images .*, got none'),
    ],
)
def test_nothing_is_found(name, message, media):
    (media / 'empty').mkdir()
    with pytest.raises((InputError, FileNotFoundError), match=message):
        MediaSource(f'{media}/{name}')


def test_what_is_no_input():
    with pytest.raises(TypeError, match='expected a path, the number of a webcam or an image as an array, got a dict'):
        MediaSource({})
    with pytest.raises(InputError, match='got an empty list'):
        MediaSource([])
