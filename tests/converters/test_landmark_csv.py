import re

import cv2
import numpy as np
import pytest

from hybridkp.converters.landmark_csv import read_landmark_csv, read_reader
from hybridkp.errors import InputError

HEAD = 'image,S_x,S_y,N_x,N_y\n'
HEAD_MM = 'image,S_x_mm,S_y_mm,pixel_spacing\n'


@pytest.fixture
def write(tmp_path):
    """A folder with two images of 40 x 30; returns a function that writes a table there."""
    for name in ('a.png', 'b.png'):
        cv2.imwrite(str(tmp_path / name), np.zeros((30, 40), np.uint8))

    def table(text, name='me.csv'):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return table


def test_two_readers_by_hand(write):
    junior = write(HEAD + 'a.png,1,2,3,4\nb.png,,,5,6\n', 'junior.csv')
    senior = write(HEAD + 'b.png,,,,\na.png,2,4,3,6\n', 'senior.csv')
    coco = read_landmark_csv([junior, senior])
    assert [image['file_name'] for image in coco['images']] == ['a.png', 'b.png']
    assert coco['categories'][0]['keypoints'] == ['S', 'N']
    first, second = coco['annotations']
    assert first['keypoints'] == [1.5, 3, 2, 3, 5, 2]
    assert first['readers'] == dict(junior=[1, 2, 2, 3, 4, 2], senior=[2, 4, 2, 3, 6, 2])
    assert second['keypoints'] == [0, 0, 0, 5, 6, 2] and second['readers']['senior'] == [0] * 6
    assert 'info' not in coco


def test_millimetres_by_the_rows_spacing_or_the_sets(write):
    path = write(HEAD_MM + 'a.png,1,2,0.5\nb.png,1,2,\n')
    names, rows = read_reader(path, 0.25)
    assert names == ['S']
    assert [(row.points, row.pixel_spacing) for row in rows] == [([(2, 4)], 0.5), ([(4, 8)], 0.25)]
    coco = read_landmark_csv([path], pixel_spacing=0.25)
    assert coco['info'] == dict(pixel_spacing=0.25)
    assert [image.get('pixel_spacing') for image in coco['images']] == [0.5, None]


def test_a_pixel_spacing_moves_no_point_in_px(write):
    path = write('image,pixel_spacing,S_x,S_y\na.png,0.5,1,2\n')
    coco = read_landmark_csv([path])
    assert coco['annotations'][0]['keypoints'] == [1, 2, 2] and coco['images'][0]['pixel_spacing'] == 0.5


def test_an_image_root_of_its_own(write, tmp_path):
    (tmp_path / 'labels').mkdir()
    path = write(HEAD + 'a.png,1,2,3,4\n', 'labels/me.csv')
    assert read_landmark_csv([path]) == read_landmark_csv([path], str(tmp_path))
    with pytest.raises(FileNotFoundError, match='labels/me.csv: row 2: there is no image .*labels/a.png'):
        read_landmark_csv([path], str(tmp_path / 'labels'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', ' expected a header and at least one image, got 0 rows'),
        (HEAD, ' expected a header and at least one image, got 1 rows'),
        ('file,S_x,S_y\na.png,1,2\n', 'row 1: expected a column image and at most one pixel_spacing, got'),
        ('image,pixel_spacing,pixel_spacing\na.png,1,2\n', 'row 1: expected a column image and at most one'),
        ('image\na.png\n', 'row 1: expected columns NAME_x and NAME_y in px or'),
        ('image,S_x\na.png,1\n', 'row 1: expected columns .*, got None'),
        ('image,S_x,N_y\na.png,1,2\n', 'row 1: expected columns .*, got N_y'),
        ('image,S_x,S_y_mm\na.png,1,2\n', 'row 1: expected columns .*, got S_y_mm'),
        ('image,_x,_y\na.png,1,2\n', 'row 1: expected columns .*, got no name'),
        ('image,S_x,S_y,S_x,S_y\na.png,1,2,3,4\n', 'row 1: expected landmarks that differ'),
        (HEAD + 'a.png,1,2,3\n', 'row 2: expected 5 columns, got 4'),
        (HEAD + 'a.png,1,2,3,4,5\n', 'row 2: expected 5 columns, got 6'),
        (HEAD + 'a.png,1,,3,4\n', 'row 2: landmark S: expected two finite numbers or nothing'),
        (HEAD + 'a.png,1,2,3,inf\n', 'row 2: landmark N: expected two finite numbers or nothing'),
        (HEAD + 'a.png,1,2,x,4\n', 'row 2: landmark N: expected two numbers or nothing'),
        (HEAD + ',1,2,3,4\n', 'row 2: expected an image, got an empty cell'),
        (HEAD + 'a.png,1,2,3,4\n\na.png,1,2,3,4\n', 'row 4: expected each image once, got a.png again after .*row 2'),
        (HEAD + 'me.csv,1,2,3,4\n', 'row 2: expected an image, got .*me.csv'),
        (HEAD_MM + 'a.png,1,2,\n', 'row 2: expected a pixel spacing, as the points are in mm, got none'),
        (HEAD_MM + 'a.png,1,2,0\n', "row 2: expected a pixel spacing in mm per px above 0, got '0'"),
        (HEAD_MM + 'a.png,1,2,nan\n', "row 2: expected a pixel spacing in mm per px above 0, got 'nan'"),
    ],
)
def test_wrong_tables_are_named(text, message, write):
    path = write(text)
    with pytest.raises(InputError, match=f'^{re.escape(path)}: ?{message}'):
        read_landmark_csv([path])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('image,S_x,S_y\na.png,1,2\n', "you.csv: row 1: expected 2 landmarks with 'N' as number 2, got 1 with None"),
        ('image,N_x,N_y,S_x,S_y\na.png,1,2,3,4\n', "you.csv: row 1: expected 2 landmarks with 'S' as number 1, got"),
        (HEAD + 'b.png,1,2,3,4\n', 'you.csv: row 2: expected an image of reader me, got b.png'),
    ],
)
def test_readers_that_do_not_fit(text, message, write):
    paths = [write(HEAD + 'a.png,1,2,3,4\n'), write(text, 'you.csv')]
    with pytest.raises(InputError, match=message):
        read_landmark_csv(paths)
