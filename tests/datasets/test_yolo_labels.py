"""YOLO's layout: what is read, and every kind of bad label with its file and line."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridkp.datasets.yolo_labels import label_file, read_labels, read_list, read_yolo
from hybridkp.errors import InputError

GOOD = '0 0.5 0.5 0.2 0.4 0.45 0.4 2 0.55 0.6 1'


@pytest.fixture
def layout(tmp_path):
    """Three images of 50 x 40 and their labels, by name; gives the list's path."""

    def make(labels, names=('12.jpg', '7.png', '100.jpg')):
        for folder in ('images', 'labels'):
            (tmp_path / folder / 'val').mkdir(parents=True, exist_ok=True)
        for name in names:
            cv2.imwrite(str(tmp_path / 'images/val' / name), np.zeros((40, 50, 3), np.uint8))
        for name, text in labels.items():
            (tmp_path / 'labels/val' / f'{name}.txt').write_text(text)
        (tmp_path / 'val.txt').write_text(''.join(f'./images/val/{name}\n' for name in names) + '\n')
        return str(tmp_path / 'val.txt')

    return make


def test_by_hand(layout):
    coco = read_yolo(
        layout({'12': f'{GOOD}\n\n', '7': '', '100': '1 0.1 0.1 0.1 0.1 0 0 0 0.3 0.4 0\n'}), 2, ('a', 'b')
    )
    assert [image['id'] for image in coco['images']] == [12, 7, 100]
    assert coco['images'][1] == dict(id=7, file_name='images/val/7.png', width=50, height=40)
    first, second = coco['annotations']
    assert first['bbox'] == [20, 12, 10, 16] and first['area'] == pytest.approx(0.53 * 160)
    assert first['keypoints'] == [22.5, 16, 2, 27.5, 24, 1] and first['num_keypoints'] == 2
    assert second['image_id'] == 100 and second['category_id'] == 2
    assert second['keypoints'] == [0] * 6  # places of points that are not labelled mean nothing
    assert [category['name'] for category in coco['categories']] == ['a', 'b']


def test_other_names_are_counted(layout):
    labels = dict.fromkeys(('a', '7', '100'), '')
    coco = read_yolo(layout(labels, ('a.jpg', '7.png', '100.jpg')), 2, ('person',))
    assert [image['id'] for image in coco['images']] == [1, 2, 3] and not coco['annotations']


def test_last_folder_of_images_counts():
    found = label_file('/x/images/y/images/z/a.b.jpg', 'list')
    assert Path(found).as_posix() == '/x/images/y/labels/z/a.b.txt'
    with pytest.raises(InputError, match='list: expected an image below a folder "images"'):
        label_file('/x/y/images', 'list')


@pytest.mark.parametrize(
    'line, message',
    [
        (GOOD + ' 0', 'expected 11 columns, for 2 keypoints, got 12'),
        ('0 0.5 0.5 0.2 0.4', 'expected 11 columns, for 2 keypoints, got 5'),
        (GOOD.replace('0.45', 'left'), 'expected numbers, got something else'),
        (GOOD.replace('0.45', 'nan'), 'expected finite numbers, got nan'),
        (GOOD.replace('0.45', '1.01'), 'expected positions and sizes as parts of the image, from 0 to 1, got 1.01'),
        (GOOD.replace('0.45', '-0.2'), 'expected positions and sizes as parts of the image, from 0 to 1, got -0.2'),
        (GOOD.replace('0.4 2', '0.4 3'), 'expected a visibility of 0, 1 or 2, got 3'),
        (GOOD.replace('0.4 2', '0.4 0.5'), 'expected a visibility of 0, 1 or 2, got 0.5'),
        ('1' + GOOD[1:], 'expected a class from 0 to 0, got 1'),
        ('0.5' + GOOD[1:], 'expected a class from 0 to 0, got 0.5'),
        (GOOD.replace('0.2 0.4', '0 0.4'), 'expected a box of some width and height, got 0 x 0.4'),
        (GOOD.replace('0.5 0.5 0.2', '0.50 0.5 0.2'), 'expected each person once, got the same as in line 1'),
    ],
)
def test_bad_labels(line, message, tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text(f'{GOOD}\n{line}\n')
    with pytest.raises(InputError, match=f'a.txt: line 2: {message}'):
        read_labels(str(path), 2, 1)


def test_empty_labels_are_legal(tmp_path):
    (tmp_path / 'a.txt').write_text('')
    assert read_labels(str(tmp_path / 'a.txt'), 17, 1).shape == (0, 56)


def test_missing_things(layout, tmp_path):
    path = layout({'12': '', '7': ''})
    with pytest.raises(FileNotFoundError, match=r'100.txt: there is no such file \(that of an image without people'):
        read_yolo(path, 2, ('person',))
    (tmp_path / 'images/val/7.png').unlink()
    with pytest.raises(FileNotFoundError, match='val.txt: line 2: there is no image .*7.png'):
        read_yolo(path, 2, ('person',))
    (tmp_path / 'images/val/7.png').write_text('no image')
    with pytest.raises(InputError, match='val.txt: line 2: expected an image, got .*7.png'):
        read_yolo(path, 2, ('person',))
    with pytest.raises(FileNotFoundError, match='other.txt: there is no such file'):
        read_list(str(tmp_path / 'other.txt'))
    (tmp_path / 'other.txt').write_text('\n')
    with pytest.raises(InputError, match='other.txt: expected a list of images, one a line, got none'):
        read_list(str(tmp_path / 'other.txt'))
    (tmp_path / 'other.txt').write_bytes(b'\xff\xfe')
    with pytest.raises(InputError, match='other.txt: expected text in UTF-8'):
        read_list(str(tmp_path / 'other.txt'))


def test_each_image_once(layout):
    path = layout({'12': ''}, ('12.jpg', '12.jpg'))
    with pytest.raises(InputError, match='val.txt: line 2: expected each image once, got images/val/12.jpg'):
        read_yolo(path, 2, ('person',))
