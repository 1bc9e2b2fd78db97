"""Where pictures go, and what is drawn in them."""

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData

from hybridkp.errors import InputError
from hybridkp.inference.media_frame import MediaFrame
from hybridkp.inference.media_source import MediaSource
from hybridkp.inference.picture_output import PictureOutput


class Picture:
    """Stands in for a picture of people."""

    def draw(self, image, people):
        return image

    def compare(self, image, people, labels, name):
        return np.concatenate((image, image), axis=1)


class Labels:
    """Stands in for a file that has labels of a.png and those of another b.png."""

    def find(self, path, size):
        if path.endswith('b.png'):
            raise InputError('b.png: another size')
        return [] if path.endswith('a.png') else None


@pytest.fixture
def draw(tmp_path):
    """Write images and draw them; gives the names of what was written."""

    def run(names, out='out', **settings):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name), np.zeros((32, 48, 3), np.uint8))
        source = MediaSource([str(tmp_path / name) for name in names])
        output = PictureOutput(str(tmp_path / out), source, Picture(), **settings)
        for frame in source.frames():
            assert output.add(frame, frame.read(), InstanceData(), [])
        output.close()
        return output, sorted(str(path.relative_to(tmp_path / out)) for path in (tmp_path / out).rglob('*.*'))

    return run


@pytest.mark.parametrize(
    'names, expected',
    [
        (['x/a.png', 'y/a.png'], ['x/a.jpg', 'y/a.jpg']),
        (['x/a.png', 'x/b.png'], ['a.jpg', 'b.jpg']),
        (['a.png', 'a.bmp', 'b.png'], ['a.bmp.jpg', 'a.png.jpg', 'b.jpg']),
    ],
)
def test_places(names, expected, draw):
    assert draw(names)[1] == expected


def test_images_are_not_overwritten(draw):
    with pytest.raises(InputError, match='x: expected a folder without images of yours, got that of .*a.png'):
        draw(['x/a.png', 'x/b.png'], out='x')


def test_labels_beside(draw, tmp_path):
    output, _ = draw(['a.png', 'b.png', 'c.png'], labels=Labels())
    widths = [cv2.imread(str(tmp_path / f'out/{name}.jpg')).shape[1] for name in 'abc']
    assert widths == [96, 48, 48] and output.wrong == ['b.png: another size']


def test_videos_follow_one_another(tmp_path):
    output = PictureOutput(str(tmp_path), MediaSource(0), Picture())
    image = np.zeros((32, 48, 3), np.uint8)
    for name, count in (('webcam:0', 3), ('webcam:1', 2)):
        for number in range(count):
            output.add(MediaFrame(name, number, image), image, InstanceData(), [])
    output.close()
    counts = [cv2.VideoCapture(str(tmp_path / f'webcam-{i}.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) for i in range(2)]
    assert counts == [3, 2]


def test_windows(tmp_path, monkeypatch):
    shown, keys = [], iter([-1, ord('x'), ord('q')])
    monkeypatch.setattr(cv2, 'imshow', lambda name, picture: shown.append(picture))
    monkeypatch.setattr(cv2, 'waitKey', lambda delay: next(keys))
    output, image = PictureOutput(None, MediaSource(0), Picture(), show=True), np.zeros((4, 4, 3), np.uint8)
    going = [output.add(MediaFrame('webcam:0', i, image), image, InstanceData(), []) for i in range(3)]
    assert going == [True, True, False] and len(shown) == 3 and not list(tmp_path.iterdir())

    def no_screen(name, picture):
        raise cv2.error('The function is not implemented')

    monkeypatch.setattr(cv2, 'imshow', no_screen)
    with pytest.raises(InputError, match='a window needs a screen'):
        output.add(MediaFrame('webcam:0', 3, image), image, InstanceData(), [])
