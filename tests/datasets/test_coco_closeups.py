"""The boxes that the second of two networks sees."""

import json

import numpy as np
import pytest

from hybridkp.datasets import CocoCloseups
from hybridkp.errors import InputError

TRIANGLE = dict(name='triangle', keypoints=['a', 'b', 'c'], flip_pairs=[], links=[], sigmas=[0.1] * 3)
LABELS = [4, 5, 2, 30, 8, 2, 12, 20, 0]
FOUND = [5, 6, 0.9, 20, 7, 0.8, 11, 21, 0.1]


@pytest.fixture
def build(tmp_path):
    """Write two images' labels and what a first network found in them, and give the data set."""

    def write(found=FOUND, keypoints=LABELS, count=1, files=('points.json',), **options):
        images = [dict(id=i, file_name=f'{i}.png', width=40, height=30) for i in (1, 2)]
        person = dict(category_id=1, bbox=[0, 0, 40, 30], num_keypoints=2, keypoints=keypoints)
        people = [person | dict(id=10 * i + j, image_id=i) for i in (1, 2) for j in range(count)]
        (tmp_path / 'labels.json').write_text(json.dumps(dict(images=images, annotations=people)))
        entries = found if not found or isinstance(found[0], dict) else [result(1), result(2, found)]
        (tmp_path / 'points.json').write_text(json.dumps(entries))
        settings = dict(ann_file='labels.json', skeleton=TRIANGLE, data_root=str(tmp_path), data_prefix=dict(img=''))
        test = dict(points_file=list(files) if len(files) > 1 else files[0], test_mode=True)
        return CocoCloseups(**settings | test | options)

    return write


def result(image, points=FOUND):
    return dict(image_id=image, category_id=1, keypoints=list(points), score=0.5)


def test_boxes_to_train_on_are_around_the_labels(build):
    dataset = build(points_file=None, test_mode=False)
    assert len(dataset) == 2
    sample = dataset.get_data_info(0)
    assert sample['bbox'].tolist() == [[4, 5, 30, 8]] and sample['bbox'].dtype == np.float32  # c has no label
    assert 'prior_keypoints' not in sample and dataset.metainfo['boxes'] == 'ground truth'


def test_boxes_to_test_on_are_around_the_first_networks_points(build, tmp_path):
    dataset = build(found=[result(2, [0, 0, 1, 40, 2, 1, 3, 35, 1]), result(7), result(1)])
    first, second = (dataset.get_data_info(i) for i in (0, 1))
    assert first['bbox'].tolist() == [[5, 6, 20, 21]] and second['bbox'].tolist() == [[0, 0, 40, 35]]
    assert first['prior_keypoints'].tolist() == [[[5, 6], [20, 7], [11, 21]]]
    assert first['keypoints'].tolist() == [[[4, 5], [30, 8], [12, 20]]]  # the reference is the labels'
    assert dataset.metainfo['boxes'] == str(tmp_path / 'points.json')


GROUPS = [['c', 'a'], ['b', 'd']]
SQUARE = TRIANGLE | dict(name='square', keypoints=['a', 'b', 'c', 'd'], sigmas=[0.1] * 4)


def test_a_look_at_each_group_of_the_labels(build):
    dataset = build(
        points_file=None,
        test_mode=False,
        skeleton=SQUARE,
        groups=GROUPS,
        keypoints=[1, 2, 2, 3, 9, 2, 5, 6, 1, 7, 4, 2],
    )
    looks = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [look['bbox'].tolist() for look in looks] == [[[1, 2, 5, 6]], [[3, 4, 7, 9]]] * 2
    assert [look['id'] for look in looks] == [10, 10, 20, 20]
    assert [look['own_keypoints'].tolist() for look in looks[:2]] == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert all(look['keypoints_visible'].all() for look in looks), 'a look is trained on all that it shows'


def test_a_look_at_fewer_than_two_labels_is_not_trained_on(build):
    labels = [1, 2, 2, 3, 9, 2, 5, 6, 0, 7, 4, 2]
    dataset = build(points_file=None, test_mode=False, skeleton=SQUARE, groups=GROUPS, keypoints=labels)
    assert [dataset.get_data_info(i)['bbox'].tolist() for i in range(len(dataset))] == [[[3, 4, 7, 9]]] * 2


@pytest.fixture
def square():
    """Settings of a data set of four keypoints in two groups, to test on."""
    found = [5, 6, 0.9, 20, 7, 0.8, 11, 21, 0.1, 2, 9, 0.5]
    labels = dict(keypoints=[*LABELS, 7, 4, 2], found=[result(1, found), result(2, found)])
    return dict(**labels, skeleton=SQUARE, groups=GROUPS)


def test_a_look_at_each_group_of_the_first_networks_points(build, square):
    dataset = build(**square)
    looks = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [look['bbox'].tolist() for look in looks] == [[[5, 6, 11, 21]], [[2, 7, 20, 9]]] * 2
    assert [look['own_keypoints'].tolist() for look in looks[:2]] == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert looks[0]['prior_keypoints'].shape == (1, 4, 2)
    assert [look['keypoints_visible'].tolist() for look in looks[:2]] == [[[1, 0, 0, 0]], [[0, 1, 0, 1]]]


def test_which_keypoints_are_its_own_is_handed_on(build, square, mmpose_scope):
    pack = dict(type='PackPoseInputs', meta_keys=('id',))
    with pytest.raises(ValueError, match='PackPoseInputs: expected own_keypoints among the meta_keys'):
        build(**square, pipeline=[pack])
    build(**square | dict(groups=None), pipeline=[pack])


@pytest.mark.parametrize(
    'groups', [[['a', 'b'], ['c']], [['a', 'b']], [['a', 'b', 'c'], ['c', 'a']], [['a', 'b', 'x']]]
)
def test_each_keypoint_is_in_one_group_of_two_or_more(build, groups):
    with pytest.raises(ValueError, match=r"groups: expected each of \['a', 'b', 'c'\] in one group, and two or more"):
        build(groups=groups)


def test_covariances_of_the_first_network(build):
    rows = [[4, 1, 9], [1, 0, 1], [2, -1, 2]]
    dataset = build(found=[result(1) | dict(keypoint_covariances=rows), result(2)])
    first, second = (dataset.get_data_info(i) for i in (0, 1))
    assert first['prior_covariances'].tolist() == [[[[4, 1], [1, 9]], [[1, 0], [0, 1]], [[2, -1], [-1, 2]]]]
    assert first['prior_covariances'].dtype == np.float32 and 'prior_covariances' not in second


@pytest.mark.parametrize(
    'row', [[1, 1, 1], [0, 0, 1], [1, 0], 'x', [float('nan'), 0, 1], [-1, 0, -1], [1e20, 0, 1e999]]
)
def test_covariances_that_are_none(build, row):
    with pytest.raises(
        InputError, match=r'points.json: entry 0: expected 3 times xx, xy and yy of a positive definite'
    ):
        build(found=[result(1) | dict(keypoint_covariances=[[4, 1, 9], row, [1, 0, 1]]), result(2)])


def test_several_files(build, tmp_path):
    (tmp_path / 'more.json').write_text(json.dumps([result(2)]))
    dataset = build(found=[result(1)], files=('points.json', 'more.json'))
    assert [dataset.get_data_info(i)['bbox'].tolist() for i in (0, 1)] == [[[5, 6, 20, 21]]] * 2
    with pytest.raises(InputError, match=r'more.json: entry 0: expected one entry an image, got image 2 in .*points'):
        build(found=[result(1), result(2)], files=('points.json', 'more.json'))


def test_labels_have_no_say_in_a_test(build):
    with pytest.raises(ValueError, match='points_file=None with test_mode=True'):
        build(points_file=None)
    with pytest.raises(ValueError, match="points_file='points.json' with test_mode=False"):
        build(test_mode=False)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(found=[result(1)]),
            r'points.json: expected an entry of each image of .*labels.json, got none of image 2',
        ),
        (dict(found=[]), r'got none of image 1 and 1 more'),
        (dict(found=FOUND[:6]), r'points.json: entry 1: expected 3 times x, y and score'),
        (dict(found=[*FOUND[:8], None]), r'entry 1: expected 3 times x, y and score, all finite'),
        (dict(found=[float('nan'), *FOUND[1:]]), r'entry 1: expected 3 times x, y and score, all finite'),
        (dict(found=[5, 6, 1] * 3), r'points.json: entry 1: expected keypoints around an area'),
        (dict(found=[dict(image_id=1)]), r'entry 0: expected image_id and keypoints'),
        (dict(found=[dict(result(1), image_id=[1])]), r'entry 0: expected a number as image_id, got \[1\]'),
        (dict(count=2), r'labels.json: image 1: expected one annotation an image, got several'),
    ],
)
def test_wrong_files(build, changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)


def test_an_image_may_have_the_id_0(build, tmp_path):
    build()
    labels = json.loads((tmp_path / 'labels.json').read_text())
    for record, key in [(labels['images'][0], 'id'), *((person, 'image_id') for person in labels['annotations'])]:
        record[key] = 0
    (tmp_path / 'labels.json').write_text(json.dumps(labels))
    (tmp_path / 'points.json').write_text(json.dumps([result(0)]))
    with pytest.raises(InputError, match='image 0: expected one annotation an image'):
        CocoCloseups('labels.json', TRIANGLE, 'points.json', str(tmp_path), test_mode=True)


def test_labels_without_an_area(build):
    with pytest.raises(InputError, match=r'labels.json: annotation 10: expected keypoints around an area'):
        build(keypoints=[4, 5, 2, 4, 8, 2, 0, 0, 0], points_file=None, test_mode=False)


def test_files_that_are_none(build, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r'gone.json: there is no such file; tools/test.py writes it with --out'
    ):
        build(files=('gone.json',))
    (tmp_path / 'dict.json').write_text('{}')
    with pytest.raises(InputError, match='dict.json: expected COCO results, a list of entries, got a dict'):
        build(files=('dict.json',))
