import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from hybridkp import stack
from hybridkp.datasets.read_image import ReadImage, read_image
from hybridkp.errors import InputError

DATA = Path(__file__).parents[1] / 'data'
JPEG = DATA / 'coco' / 'val2017' / '000000000885.jpg'
PNG = DATA / 'mirror_mouse' / 'labeled-data' / 'img01.png'
GREY = np.full((8, 6), 90, dtype=np.uint8)


def test_same_pixels_as_mmpose():
    stack.mend()
    import mmpose.datasets  # noqa: F401

    for path in (JPEG, PNG):
        theirs = TRANSFORMS.build(dict(type='LoadImage'))(dict(img_path=str(path)))
        ours = TRANSFORMS.build(dict(type='ReadImage'))(dict(img_path=str(path)))
        np.testing.assert_array_equal(ours['img'], theirs['img'])
        assert ours['img_shape'] == theirs['img_shape'] and ours['ori_shape'] == theirs['ori_shape']


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp', 'webp', 'tiff'])
def test_grey_images_of_many_formats_get_three_channels(tmp_path, suffix):
    path = str(tmp_path / f'grey.{suffix}')
    cv2.imwrite(path, GREY)
    results = ReadImage()(dict(img_path=path, ann_size=(8, 6)))
    assert results['img'].shape == (8, 6, 3) and results['img'].dtype == np.uint8
    assert results['img_shape'] == results['ori_shape'] == (8, 6)


@pytest.mark.parametrize('path', [JPEG, PNG])
def test_grey_reading_has_one_channel(path):
    grey = ReadImage(color_type='grayscale')(dict(img_path=str(path)))['img']
    colour = cv2.cvtColor(read_image(str(path)), cv2.COLOR_BGR2GRAY)
    assert grey.shape == colour.shape and grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - colour).mean() < 1  # a JPEG's own brightness is rounded once only
    with pytest.raises(ValueError, match="'grayscale'"):
        ReadImage(color_type='grey')


def test_takes_an_array():
    results = ReadImage()(dict(img=np.zeros((4, 5, 3), np.uint8), ann_size=(9, 9)))
    assert results['img_shape'] == results['ori_shape'] == (4, 5) and results['img_path'] is None
    with pytest.raises(TypeError, match='expected an array as "img", got a list'):
        ReadImage()(dict(img=[]))


def test_missing_file_is_named_with_its_annotation():
    with pytest.raises(FileNotFoundError, match=r'no/such.jpg \(annotation 7\): there is no such image file'):
        ReadImage()(dict(img_path='no/such.jpg', id=7))


@pytest.mark.parametrize('path', [JPEG, PNG], ids=['jpg', 'png'])
@pytest.mark.parametrize('part', [0.1, 0.5, 0.99])
def test_cut_short(tmp_path, path, part):
    data = path.read_bytes()
    short = tmp_path / path.name
    short.write_bytes(data[: int(part * len(data))])
    with pytest.raises(InputError, match=rf'{path.name} \(annotation 7\): expected a complete image'):
        ReadImage()(dict(img_path=str(short), id=7))


def test_a_preview_within_does_not_hide_that_the_image_is_cut_short(tmp_path):
    preview = cv2.imencode('.jpg', GREY)[1].tobytes()
    data = JPEG.read_bytes()
    segment = b'\xff\xe5' + struct.pack('>H', len(preview) + 2) + preview
    path = tmp_path / 'preview.jpg'
    path.write_bytes(data[:2] + segment + data[2:])
    np.testing.assert_array_equal(read_image(str(path)), read_image(str(JPEG)))
    path.write_bytes(data[:2] + segment + data[2:-100])
    with pytest.raises(InputError, match='ends too early'):
        read_image(str(path))


@pytest.mark.parametrize('path', [JPEG, PNG], ids=['jpg', 'png'])
def test_what_follows_the_end_is_allowed(tmp_path, path):
    longer = tmp_path / path.name
    longer.write_bytes(path.read_bytes() + b'\0\xff\xdathumbnail')
    np.testing.assert_array_equal(read_image(str(longer)), read_image(str(path)))


def test_progressive_jpeg_with_restarts(tmp_path):
    path = str(tmp_path / 'p.jpg')
    flags = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    cv2.imwrite(path, read_image(str(JPEG)), flags)
    with open(path, 'ab') as file:
        file.write(b'\0\0')
    assert read_image(path).shape == (427, 640, 3)


@pytest.mark.parametrize('data', [b'', b'not an image', b'\xff\xd8\xff\xd9'])
def test_not_an_image(tmp_path, data):
    path = tmp_path / 'a.jpg'
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'a.jpg: expected an? (complete )?image, got a file'):
        read_image(str(path))


def test_another_size_than_annotated():
    message = r'img01.png \(annotation 3\): expected the annotated image size 400 x 406 .* got 396 x 406'
    with pytest.raises(InputError, match=message):
        ReadImage()(dict(img_path=str(PNG), id=3, ann_size=(406, 400)))


def test_what_cannot_be_read_or_is_too_large(tmp_path):
    with pytest.raises(InputError, match=f'^{tmp_path}: expected an image, got what cannot be read: Is a directory$'):
        read_image(str(tmp_path))
    head = struct.pack('>II5B', 70000, 70000, 8, 2, 0, 0, 0)
    parts = [(b'IHDR', head), (b'IDAT', b''), (b'IEND', b'')]
    chunks = [struct.pack('>I', len(d)) + kind + d + struct.pack('>I', zlib.crc32(kind + d)) for kind, d in parts]
    (tmp_path / 'a.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b''.join(chunks))
    with pytest.raises(InputError, match='a.png: expected an image, got a file that OpenCV refuses'):
        read_image(str(tmp_path / 'a.png'))


def test_radiographs_of_twelve_bits_keep_their_grey_levels(tmp_path):
    ramp = np.linspace(100, 4095, 256).astype(np.uint16).reshape(16, 16)
    cv2.imwrite(str(tmp_path / 'a.png'), ramp)
    image = read_image(str(tmp_path / 'a.png'), color_type='grayscale')
    assert image.dtype == np.uint8 and np.array_equal(image.ravel(), np.arange(256))
    cv2.imwrite(str(tmp_path / 'flat.png'), np.full((4, 4), 700, np.uint16))
    assert not read_image(str(tmp_path / 'flat.png'), color_type='grayscale').any()
    cv2.imwrite(str(tmp_path / 'a.tiff'), np.where(ramp > 200, ramp, np.nan).astype(np.float32))
    with pytest.raises(InputError, match='a.tiff: expected an image of finite values'):
        read_image(str(tmp_path / 'a.tiff'), color_type='grayscale')
