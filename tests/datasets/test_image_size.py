import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from hybridkp.datasets.image_size import image_size
from hybridkp.datasets.read_image import read_image
from hybridkp.errors import InputError


@pytest.mark.parametrize('orientation', range(1, 9))
def test_size_is_that_of_the_image_as_it_is_read(orientation, tmp_path):
    image = Image.new('RGB', (40, 30))
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(tmp_path / 'a.jpg', exif=exif)
    assert image_size(tmp_path / 'a.jpg', 'row 1') == read_image(str(tmp_path / 'a.jpg')).shape[1::-1]


def test_size(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((30, 40), np.uint8))
    assert image_size(tmp_path / 'a.png', 'row 1') == (40, 30)
    with pytest.raises(FileNotFoundError, match='row 1: there is no image .*b.png'):
        image_size(tmp_path / 'b.png', 'row 1')
    (tmp_path / 'c.png').write_text('hello')
    for path in (tmp_path / 'c.png', tmp_path):
        with pytest.raises(InputError, match=f'row 1: expected an image, got {path}'):
            image_size(path, 'row 1')
