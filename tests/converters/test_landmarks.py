import re

import cv2
import numpy as np
import pytest

from hybridkp.converters.landmark_row import LandmarkRow
from hybridkp.converters.landmarks import landmark_coco, reader_names
from hybridkp.errors import InputError


@pytest.fixture
def root(tmp_path):
    for name in ('a.png', 'b.png'):
        cv2.imwrite(str(tmp_path / name), np.zeros((30, 40), np.uint8))
    return tmp_path


def row(image, *points, where='m.csv: row 2', spacing=None):
    return LandmarkRow(where, image, list(points), spacing)


def test_the_reference_is_the_mean_of_those_who_labelled(root):
    readers = dict(
        me=[row('a.png', (1, 2), (5, 6), None), row('b.png', None, None, None)],
        you=[row('b.png', None, None, None), row('a.png', (3, 8), None, None)],
    )
    coco = landmark_coco(readers, ['s', 'n', 'o'], root, 'head', 0.5)
    assert coco['images'] == [
        dict(id=1, file_name='a.png', width=40, height=30),
        dict(id=2, file_name='b.png', width=40, height=30),
    ]
    assert coco['categories'] == [dict(id=1, name='head', supercategory='head', keypoints=['s', 'n', 'o'], skeleton=[])]
    assert coco['info'] == dict(pixel_spacing=0.5)
    first, second = coco['annotations']
    assert first == dict(
        id=1,
        image_id=1,
        category_id=1,
        iscrowd=0,
        bbox=[0, 0, 40, 30],
        area=3.0,
        num_keypoints=2,
        keypoints=[2, 5, 2, 5, 6, 2, 0, 0, 0],
        readers=dict(me=[1, 2, 2, 5, 6, 2, 0, 0, 0], you=[3, 8, 2, 0, 0, 0, 0, 0, 0]),
    )
    assert second['num_keypoints'] == 0 and second['keypoints'] == [0] * 9 == second['readers']['me']


def test_one_reader_is_the_reference(root):
    coco = landmark_coco(dict(me=[row('a.png', (1.5, 2))]), ['s'], root, 'head')
    assert coco['annotations'][0]['keypoints'] == [1.5, 2, 2] and 'readers' not in coco['annotations'][0]
    assert 'info' not in coco


def test_an_image_has_its_spacing_where_it_is_not_the_sets(root):
    readers = dict(me=[row('a.png', (1, 2), spacing=0.1), row('b.png', (1, 2), spacing=0.2)])
    images = landmark_coco(readers, ['s'], root, 'head', 0.1)['images']
    assert 'pixel_spacing' not in images[0] and images[1]['pixel_spacing'] == 0.2
    readers['you'] = [row('a.png', None), row('b.png', None)]
    assert [image['pixel_spacing'] for image in landmark_coco(readers, ['s'], root, 'head')['images']] == [0.1, 0.2]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([row('b.png', None, where='y: row 3')], 'y: row 3: expected an image of reader me, got b.png'),
        ([], 'm.csv: row 2: expected a.png with reader you too, got no row of it there'),
        (
            [row('a.png', None, where='y: row 3'), row('a.png', None, where='y: row 4')],
            'y: row 4: expected each image once, got a.png again after y: row 3',
        ),
        (
            [row('a.png', None, where='y: row 3', spacing=0.2)],
            'y: row 3: expected the pixel spacing 0.1 of m.csv: row 2, got 0.2',
        ),
    ],
)
def test_readers_that_do_not_fit(rows, message, root):
    with pytest.raises(InputError, match=f'^{re.escape(message)}$'):
        landmark_coco(dict(me=[row('a.png', None, spacing=0.1)], you=rows), ['s'], root, 'head')


def test_a_missing_image_is_named(root):
    with pytest.raises(FileNotFoundError, match='m.csv: row 2: there is no image .*c.png'):
        landmark_coco(dict(me=[row('c.png', None)]), ['s'], root, 'head')


def test_readers_are_named_after_their_files():
    assert reader_names(['x/400_junior', 'y/senior.csv']) == dict(junior='x/400_junior', senior='y/senior.csv')
    with pytest.raises(InputError, match="y/me.csv: expected a reader other than 'me' of x/me.csv, got the same"):
        reader_names(['x/me.csv', 'y/me.csv'])


@pytest.mark.parametrize('point', [(-3, 5), (5, -3), (42, 5), (5, 32)])
def test_points_outside_of_the_image_are_refused(point, root):
    landmark_coco(dict(me=[row('a.png', (40, 30), (-0.5, -0.5))]), ['s', 'n'], root, 'head')  # its edge
    said = f'm.csv: row 2: expected n within the 40 x 30 px of a.png, got ({point[0]}, {point[1]})'
    with pytest.raises(InputError, match=f'^{re.escape(said)}$'):
        landmark_coco(dict(me=[row('a.png', (1, 1), point)]), ['s', 'n'], root, 'head')
