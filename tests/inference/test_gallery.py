"""Galleries: the worst first, in mm where that is known. tests/tools/test_test.py has them from a model."""

import json

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.comparison import Comparison
from hybridkp.inference.gallery import check_folder, compare, write_gallery, write_picture

META = dict(
    keypoint_colors=np.array([[255, 0, 0], [0, 255, 0]], dtype=np.uint8),
    keypoint_id2name={0: 'nose', 1: 'tail'},
    skeleton_links=[],
    num_keypoints=2,
)


@pytest.fixture
def compared(tmp_path):
    """Make comparisons from (name, error in px, mm per px or None); an error of None is a missing prediction."""

    def build(*images):
        comparisons = []
        for name, error, spacing in images:
            path = str(tmp_path / f'{name}.png')
            cv2.imwrite(path, np.zeros((40, 60), np.uint8))
            points, box = np.array([[[20.0, 20.0], [30.0, 20.0]]]), [0, 0, 59, 39]
            person = dict(img_path=path, keypoints=points, keypoints_visible=np.ones((1, 2)), bbox=np.array([box]))
            if spacing is not None:
                person['pixel_spacing'] = np.array([spacing, spacing])
            found = [] if error is None else [*(points[0] + (0, error)), (1, 1)]
            entry = dict(bbox=box, keypoint_covariances=[[1, 0, 1]] * 2)
            entry['keypoints'] = np.column_stack((found[:2], (1, 1))).ravel().tolist() if found else []
            comparisons.append(Comparison([person], [entry] if found else []))
        return comparisons

    return build


@pytest.mark.parametrize(
    'spacings, expected',
    [((0.1, 1.0, 0.1), ['b', 'a', 'c', 'd']), ((None, None, None), ['a', 'c', 'b', 'd']), ((0.1, 1.0, None), 'acbd')],
)
def test_the_worst_comes_first(spacings, expected, compared, tmp_path):
    """Errors of 9, 3 and 5 px: in mm, where all have a spacing, another one is the worst; without errors, the last."""
    errors = dict(a=9, b=3, c=5)
    images = [(name, error, spacing) for (name, error), spacing in zip(errors.items(), spacings, strict=True)]
    paths = write_gallery(META, compared(('d', None, spacings[2]), *images), str(tmp_path / 'new'), 20)
    assert [path.name for path in paths] == [
        *(f'{i:03d}_{name}.png' for i, name in enumerate(expected, 1)),
        'errors.png',
    ]
    assert all(cv2.imread(str(path)) is not None for path in paths)


def test_some_images_alone(compared, tmp_path):
    comparisons = compared(('a', 1, None), ('b', 2, None), ('c', 3, None))
    write_gallery(META, comparisons, str(tmp_path / 'two'), 2)
    assert {path.name for path in (tmp_path / 'two').iterdir()} == {'001_c.png', '002_b.png', 'errors.png'}
    write_gallery(META, comparisons, str(tmp_path / 'none'), 0)
    assert {path.name for path in (tmp_path / 'none').iterdir()} == {'errors.png'}


def test_two_galleries_are_not_mixed(tmp_path):
    check_folder(str(tmp_path / 'new'))
    (tmp_path / 'results.json').touch()
    check_folder(str(tmp_path))
    (tmp_path / '002_b.png').touch()
    with pytest.raises(InputError, match=r'expected a folder without pictures of another test, got 002_b.png in it'):
        check_folder(str(tmp_path))


@pytest.mark.parametrize('name, magic', [('a.png', b'\x89PNG'), ('new/a.jpg', b'\xff\xd8\xff')])
def test_a_picture_has_the_format_of_its_name(name, magic, tmp_path):
    write_picture(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_a_picture_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match=r'picture .*a.png cannot be written: (File exists|Not a directory)'):
        write_picture(tmp_path / 'file' / 'a.png', np.zeros((4, 4, 3), np.uint8))


@pytest.fixture
def whole_images(tmp_path, mmpose_scope):
    """Settings of whole images, two people in the first, one of them labelled, and nobody in the second."""

    def settings(flag):
        skeleton = dict(name='two', keypoints=['nose', 'tail'], flip_pairs=[], links=[], sigmas=[0.1, 0.1])
        images = [dict(id=i, file_name=f'{i}.png', width=60, height=40) for i in range(2)]
        person = dict(image_id=0, category_id=1, bbox=[1, 2, 30, 20])
        points = [[5, 6, flag, 7, 8, flag], [0] * 6]
        people = [dict(person, id=i, keypoints=keypoints) for i, keypoints in enumerate(points)]
        (tmp_path / 'a.json').write_text(json.dumps(dict(images=images, annotations=people)))
        (tmp_path / 'results.json').write_text('[]')
        return dict(
            type='CocoImages', ann_file=str(tmp_path / 'a.json'), skeleton=skeleton, test_mode=True, pipeline=[]
        )

    return settings


def test_people_of_a_whole_image_are_compared_one_by_one(whole_images, tmp_path):
    meta, (comparison,) = compare(whole_images(2), str(tmp_path / 'results.json'))
    assert meta['num_keypoints'] == 2 and comparison.name == '0' and not comparison.entries
    (person,) = comparison.people
    assert person['keypoints'].tolist() == [[[5, 6], [7, 8]]] and person['bbox'].tolist() == [[1, 2, 31, 22]]


def test_nobody_is_labelled(whole_images, tmp_path):
    with pytest.raises(InputError, match='results.json: expected labelled people to compare with'):
        compare(whole_images(0), str(tmp_path / 'results.json'))
