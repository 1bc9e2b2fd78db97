"""Keypoints of a COCO file of somebody's own."""

import copy
import json
import math

import pytest

from hybridkp.converters.keypoint_set import read_keypoint_set
from hybridkp.errors import InputError


@pytest.fixture(scope='module')
def coco(drawn_set, tmp_path_factory):
    return json.loads(drawn_set(tmp_path_factory.mktemp('drawn'), count=4).read_text())


@pytest.fixture
def read(coco, tmp_path):
    """Read the drawn set after a change; gives the set."""

    def run(change=lambda coco: None):
        changed = copy.deepcopy(coco)
        change(changed)
        (tmp_path / 'labels.json').write_text(json.dumps(changed))
        return read_keypoint_set(str(tmp_path / 'labels.json'))[0]

    return run


def test_what_the_category_says(read, coco):
    keypoints = read()
    assert keypoints.names == coco['categories'][0]['keypoints']
    assert keypoints.flip_pairs == [('left_hand', 'right_hand'), ('left_foot', 'right_foot')] and keypoints.mirrors
    assert keypoints.links == [
        ('head', 'left_hand'), ('head', 'right_hand'), ('left_hand', 'left_foot'), ('right_hand', 'right_foot')
    ]  # fmt: skip
    assert keypoints.sigmas == [0.05] * 5
    assert keypoints.notes == [
        'OKS sigmas are 0.05 for all: OKS falls to 0.5 at 12 % of sqrt(area); a smaller one makes AP stricter'
    ]
    # exp(-d^2 / (2 area (2 sigma)^2)) = 1/2 at d = 2 sigma sqrt(2 ln 2) sqrt(area)
    assert 2 * 0.05 * math.sqrt(2 * math.log(2)) == pytest.approx(0.12, abs=0.005)


def test_links_that_count_from_zero(read):
    def change(coco):
        coco['categories'][0]['skeleton'] = [[0, 1], [1, 4], [4, 4], [0, 1]]

    assert read(change).links == [('head', 'left_hand'), ('left_hand', 'right_foot')]


def test_nothing_but_numbers(read):
    def change(coco):
        coco['categories'] = [dict(id=1, name='a')]

    keypoints = read(change)
    assert keypoints.names == [f'keypoint{i}' for i in range(5)] and keypoints.links == []
    assert not keypoints.mirrors and len(keypoints.notes) == 3


def test_a_side_without_the_other(read):
    def change(coco):
        coco['categories'][0]['keypoints'][4] = 'right_shoe'

    keypoints = read(change)
    assert keypoints.flip_pairs == [('left_hand', 'right_hand')] and not keypoints.mirrors
    assert "no partner, so that nothing is mirrored: ['left_foot', 'right_shoe']" in keypoints.notes[0]


@pytest.mark.parametrize('distances', [(2, 4, 4, 8, 12), (0.1, 0.1, 0.1, 0.1, 0.1), (2, 4, 4, 8, 4000)])
def test_sigmas_of_two_readers(distances, read):
    """Two marks d apart scatter with a variance of d^2 / 2 about their mean; sqrt(area) is 100 px.

    Each of the 4 images counts once, and 5 times more the mean of all keypoints (see `ops.reader_scatter`).
    """

    def change(coco):
        for annotation in coco['annotations']:
            other = list(annotation['keypoints'])
            for k, distance in enumerate(distances):
                other[3 * k] += distance
            annotation.update(area=10000, readers=dict(anna=annotation['keypoints'], ben=other))

    keypoints = read(change)
    assert 'the scatter of 2 readers' in keypoints.notes[-1]
    variances = [distance**2 / 2 for distance in distances]
    expected = [math.sqrt((4 * variance + sum(variances)) / 9) / 100 for variance in variances]
    assert keypoints.sigmas == pytest.approx([min(max(sigma, 0.005), 0.2) for sigma in expected], abs=1e-4)


def test_one_reader_says_nothing(read):
    def change(coco):
        coco['annotations'][0]['readers'] = dict(anna=coco['annotations'][0]['keypoints'])

    assert read(change).sigmas == [0.05] * 5


@pytest.mark.parametrize(
    'change, says',
    [
        (lambda c: c['categories'][0].update(keypoints=['a'] * 5), 'expected keypoint names that differ'),
        (lambda c: c['categories'][0].update(skeleton=[[1, 6]]), 'expected links between the keypoints 1 to 5'),
        (lambda c: c['categories'][0].update(skeleton=[1, 2]), 'expected links as pairs of numbers'),
        (lambda c: c['categories'].append(dict(id=2, name='b', keypoints=['x'])), 'categories with the same keypoints'),
        (lambda c: c.pop('annotations'), 'expected COCO keypoint annotations'),
        (lambda c: c['annotations'][0].update(keypoints=[1, 2, 2]), 'annotation 10: expected 5 keypoints'),
        (lambda c: c.update(categories=[], annotations=[]), 'a category with keypoint names'),
    ],
)
def test_mistakes_are_named(change, says, read, tmp_path):
    with pytest.raises(InputError, match=says) as error:
        read(change)
    assert str(tmp_path / 'labels.json') in str(error.value)
