"""Image files, good and bad."""

import json

import cv2
import numpy as np
import pytest

from hybridkp.inspection.image_checks import check_images
from hybridkp.inspection.image_list import ImageList


@pytest.fixture
def images(drawn_set, tmp_path):
    coco = json.loads(drawn_set(tmp_path, count=8).read_text())
    sizes = np.array([[image['width'], image['height']] for image in coco['images']])
    return ImageList(('train',), str(tmp_path / 'images'), [image['file_name'] for image in coco['images']], sizes)


def check(images, samples=None):
    return [(finding.level, finding.what) for finding in check_images(images, samples)]


def test_good_images(images):
    assert check(images) == [('ok', 'all images were decoded and have the annotated size')]
    assert check(images, 3) == [('ok', '3 of 8 images were decoded and have the annotated size')]


def test_missing_empty_and_damaged(images, tmp_path):
    folder = tmp_path / 'images'
    (folder / '0_1.png').unlink()
    (folder / '0_3.png').write_bytes(b'')
    whole = (folder / '0_5.png').read_bytes()
    (folder / '0_5.png').write_bytes(whole[: len(whole) // 2])
    (folder / '0_6.png').write_text('hello')
    assert check(images) == [
        ('FAIL', f'1 of 8 images are not there: {folder}/0_1.png'),
        ('FAIL', f'1 of 8 images have no bytes: {folder}/0_3.png'),
        ('FAIL', f'2 of 6 images cannot be decoded: {folder}/0_5.png, {folder}/0_6.png'),
    ]


def test_other_sizes(images, tmp_path):
    width, height = images.sizes[0].tolist()
    path = str(tmp_path / 'images/0_1.png')
    cv2.imwrite(path, np.zeros((height // 2, width // 2, 3), np.uint8))
    ((level, what),) = check(images)
    assert level == 'FAIL' and f'{path} ({width // 2}x{height // 2}, not {width}x{height})' in what
    cv2.imwrite(path, np.zeros((width, height, 3), np.uint8))
    ((level, what),) = check(images)
    assert level == 'FAIL' and 'have width and height exchanged' in what


def test_a_camera_that_was_turned(images, tmp_path):
    """A viewer, and OpenCV, turn an image whose EXIF data say so."""
    pil = pytest.importorskip('PIL.Image')
    width, height = images.sizes[0].tolist()
    exif = pil.Exif()
    exif[0x0112] = 6
    image = pil.new('RGB', (width, height))
    image.save(tmp_path / 'images/0_1.jpg', exif=exif)
    turned = ImageList(('train',), images.folder, ['0_1.jpg'], images.sizes[:1])
    ((level, what),) = check(turned)
    assert level == 'FAIL' and 'exchanged' in what


def test_no_images(tmp_path):
    assert check(ImageList(('train',), str(tmp_path), [], np.zeros((0, 2)))) == []
