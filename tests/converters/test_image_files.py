import cv2
import numpy as np
import pytest

from hybridkp.converters.image_files import find_images, find_root, the_image
from hybridkp.errors import InputError


def draw(path, width=40, height=30):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((height, width), np.uint8))


def test_root(tmp_path):
    draw(tmp_path / 'images' / 'a.png')
    labels = str(tmp_path / 'labels' / 'more' / 'a.csv')

    def has_images(folder):
        return (folder / 'images').is_dir()

    assert find_root(labels, 'a.png', None, has_images) == tmp_path
    assert str(find_root(labels, 'a.png', 'elsewhere', has_images)) == 'elsewhere'
    with pytest.raises(FileNotFoundError, match='a.csv: the image a.png is in no folder above the labels; name'):
        find_root(labels, 'a.png', None, lambda folder: False)


def test_images_of_any_suffix(tmp_path):
    for name in ('1.png', 'more/2.JPG', 'more/3.bmp', 'more/3.png', 'other/4.png'):
        draw(tmp_path / name)
    (tmp_path / 'more/2.txt').write_text('hello')
    images = find_images(tmp_path, ['', 'more', 'none'])
    assert images == {'1': ['1.png'], '2': ['more/2.JPG'], '3': ['more/3.bmp', 'more/3.png']}
    assert the_image(images, '2', 'row 1', tmp_path) == 'more/2.JPG'
    with pytest.raises(InputError, match='row 1: expected one image 3 in .*, got more/3.bmp, more/3.png'):
        the_image(images, '3', 'row 1', tmp_path)
    with pytest.raises(FileNotFoundError, match='row 1: there is no image 4 in'):
        the_image(images, '4', 'row 1', tmp_path)
