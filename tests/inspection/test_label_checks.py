"""What labels say, right and wrong."""

import copy
import json

import numpy as np
import pytest

from hybridkp.inspection.label_checks import check_labels
from hybridkp.inspection.label_table import label_table

NAMES = ['head', 'left_hand', 'right_hand', 'left_foot', 'right_foot']


@pytest.fixture(scope='module')
def coco(drawn_set, tmp_path_factory):
    return json.loads(drawn_set(tmp_path_factory.mktemp('drawn'), count=12).read_text())


def check(coco, trains=True):
    return check_labels(label_table(coco, 5), NAMES, trains)


def worse(findings):
    return [(f.level, f.what) for f in findings if f.level != 'ok']


def test_good_labels(coco):
    findings = check(coco)
    assert worse(findings) == []
    assert findings[0].what == '12 images, 12 instances, 60 labelled keypoints'
    assert findings[-1].what.startswith('labels a keypoint: head 12, left_hand 12,')


def change_points(coco, function, count=12):
    coco = copy.deepcopy(coco)
    for annotation in coco['annotations'][:count]:
        points = np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)
        annotation['keypoints'] = function(points).ravel().tolist()
    return coco


def change(coco, count, **keys):
    coco = copy.deepcopy(coco)
    for annotation in coco['annotations'][:count]:
        annotation.update(keys)
    return coco


@pytest.mark.parametrize(
    'function, count, level, says',
    [
        (lambda p: p * [0.005, 0.005, 1], 12, 'FAIL', 'all keypoints lie between 0 and 1.5'),
        (lambda p: p * [10, 10, 1], 12, 'FAIL', '% of the labelled keypoints lie outside their image'),
        (lambda p: p - [0, 400, 0], 1, 'warn', '5 labelled keypoints (8.3 %) lie outside their image: annotations 10'),
        (lambda p: p * [[0, 0, 1], *[[1, 1, 1]] * 4], 2, 'warn', '2 keypoints are labelled at exactly (0, 0)'),
    ],
)
def test_keypoints_in_the_wrong_place(function, count, level, says, coco):
    found = worse(check(change_points(coco, function, count)))
    assert any(at == level and says in what for at, what in found), found


def test_boxes_of_other_instances(coco):
    found = worse(check(change(coco, 3, bbox=[0, 0, 5, 5])))
    assert len(found) == 1 and 'labelled keypoints are far outside their box' in found[0][1]


@pytest.mark.parametrize(
    'keys, count, level, says',
    [
        (dict(bbox=[300, 300, 50, 50]), 2, 'FAIL', '2 boxes lie outside their image: annotations 10, 20'),
        (dict(bbox=[10, 10, 140, 60]), 1, 'warn', '1 boxes (8.3 %) reach up to'),
        (dict(area=0), 2, 'warn', '2 annotations have an area that is not above 0: 10, 20'),
        (dict(keypoints=[0] * 15, num_keypoints=0), 12, 'FAIL', 'no annotation has a bbox and a labelled keypoint'),
    ],
)
def test_records_that_are_wrong(keys, count, level, says, coco):
    found = worse(check(change(coco, count, **keys)))
    assert any(at == level and says in what for at, what in found), found


def test_boxes_given_by_their_corners(coco):
    coco = copy.deepcopy(coco)
    for annotation in coco['annotations']:
        x, y, w, h = annotation['bbox']
        annotation['bbox'] = [x, y, x + w, y + h]
    assert any(level == 'FAIL' and 'would fit as corners' in what for level, what in worse(check(coco)))


def test_what_is_left_out_is_counted(coco):
    coco = copy.deepcopy(coco)
    coco['annotations'][0].pop('bbox')
    coco['annotations'][1]['iscrowd'] = 1
    coco['annotations'][2].pop('area')
    findings = check(coco)
    assert findings[0].what.endswith('2 images without any; left out: 1 without a bbox, 1 crowds')
    assert [what for _, what in worse(findings)] == [
        '1 annotations have keypoints and no bbox, and are left out',
        '1 annotations have no area: 30',
    ]


def test_doubles(coco):
    coco = copy.deepcopy(coco)
    coco['annotations'].append(coco['annotations'][0] | dict(id=999))
    ((level, what),) = worse(check(coco))
    assert level == 'warn' and what.startswith('1 annotations repeat the keypoints') and '999' in what


def test_keypoints_without_labels(coco):
    never = change_points(coco, lambda p: p * [[1, 1, 0], *[[1, 1, 1]] * 4])
    assert worse(check(never)) == [('FAIL', '1 keypoints are never labelled: head')]
    assert worse(check(never, trains=False)) == [('warn', '1 keypoints are never labelled: head')]
    few = change_points(coco, lambda p: p * [[1, 1, 0], *[[1, 1, 1]] * 4], count=9)
    assert worse(check(few)) == [('warn', '1 keypoints have fewer than 10 labels: head')]
    assert worse(check(few, trains=False)) == []
