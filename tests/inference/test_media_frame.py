"""Images from files and from memory."""

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.media_frame import MediaFrame


def test_a_file_is_read_as_the_config_has_it(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (8, 6, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    frame = MediaFrame(str(tmp_path / 'a.png'))
    assert frame.is_file and frame.name == str(tmp_path / 'a.png')
    np.testing.assert_array_equal(frame.read(), image)
    np.testing.assert_array_equal(frame.read('grayscale'), cv2.imread(frame.path, cv2.IMREAD_GRAYSCALE))


def test_an_image_in_memory_stays_as_it_is():
    image = np.zeros((8, 6), np.uint8)
    frame = MediaFrame('clip.mp4', 7, image)
    assert frame.read() is image and frame.name == 'clip.mp4: frame 7' and not frame.is_file


@pytest.mark.parametrize(
    'image', [np.zeros((8, 6)), np.zeros((8, 6, 4), np.uint8), np.zeros(8, np.uint8), np.zeros((0, 6, 3), np.uint8)]
)
def test_what_is_no_image(image):
    with pytest.raises(InputError, match='image 3: expected an image .*, got '):
        MediaFrame('image 3', image=image).read()


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.png: there is no such image file'):
        MediaFrame(str(tmp_path / 'a.png')).read()
    (tmp_path / 'a.png').touch()
    with pytest.raises(InputError, match='a.png: expected an image'):
        MediaFrame(str(tmp_path / 'a.png')).read()
