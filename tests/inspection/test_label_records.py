"""What is wrong with records, all at once."""

import copy
import json

import pytest

from hybridkp.datasets.coco_json import read_annotations
from hybridkp.errors import InputError
from hybridkp.inspection.label_records import check_records


@pytest.fixture(scope='module')
def coco(drawn_set, tmp_path_factory):
    return json.loads(drawn_set(tmp_path_factory.mktemp('drawn'), count=6).read_text())


@pytest.fixture(scope='module')
def names(coco):
    return coco['categories'][0]['keypoints']


def test_good_records_give_nothing(coco, names):
    assert check_records(coco, names) == []


@pytest.mark.parametrize(
    'content, says', [([], 'a list'), ({}, 'no list images and no list annotations'), (dict(images=[]), 'no list ann')]
)
def test_no_coco_file(content, says, names):
    (finding,) = check_records(content, names)
    assert finding.level == 'FAIL' and says in finding.what


BREAKS = {
    'an image that is no dict': (lambda c: c['images'].append(7), 'lack one of id, file_name, width, height: number 6'),
    'no file name': (lambda c: c['images'][1].pop('file_name'), '1 of 6 images lack one of'),
    'an id twice': (lambda c: c['images'].append(c['images'][0]), '1 ids of images are there more than once: 1'),
    'no width': (lambda c: c['images'][0].update(width=0), '1 of 6 images have no width and height above 0: 1'),
    'a width in words': (lambda c: c['images'][0].update(width='96'), 'have no width and height'),
    'no category': (lambda c: c['annotations'][3].pop('category_id'), '1 of 6 annotations lack one of'),
    'unknown image': (
        lambda c: c['annotations'][3].update(image_id=77),
        'belong to images that the file does not list: 40',
    ),
    'too few keypoints': (lambda c: c['annotations'][0].update(keypoints=[1, 2, 2]), 'have not 5 keypoints'),
    'pairs': (lambda c: c['annotations'][0].update(keypoints=[[1, 2, 2]] * 5), 'have not 5 keypoints'),
    'NaN': (lambda c: c['annotations'][0]['keypoints'].__setitem__(4, float('nan')), 'no finite numbers: 10'),
    'a list in place of a number': (
        lambda c: c['annotations'][0].update(keypoints=[[], 1, 2] * 5),
        'no finite numbers',
    ),
    'visibility': (
        lambda c: c['annotations'][0]['keypoints'].__setitem__(2, 3),
        'a visibility that is not 0, 1 or 2: 10',
    ),
    'box of three': (lambda c: c['annotations'][2].update(bbox=[1, 2, 3]), 'a bbox that is not 4 finite numbers: 30'),
    'infinite box': (lambda c: c['annotations'][2].update(bbox=[1, 2, 3, float('inf')]), 'not 4 finite numbers: 30'),
    'empty box': (lambda c: c['annotations'][2].update(bbox=[1, 2, 0, 5]), 'a bbox without width or height: 30'),
    'fewer names': (lambda c: c['categories'][0]['keypoints'].pop(), 'category 1 has 4 keypoints, the skeleton 5'),
    'other order': (
        lambda c: c['categories'][0]['keypoints'].reverse(),
        'names 4 keypoints otherwise than the skeleton',
    ),
}


@pytest.mark.parametrize('name', BREAKS)
def test_each_mistake_is_named_and_no_other(name, coco, names):
    break_it, says = BREAKS[name]
    broken = copy.deepcopy(coco)
    break_it(broken)
    (finding,) = check_records(broken, names)
    assert finding.level == 'FAIL' and says in finding.what and finding.mend


@pytest.mark.parametrize('name', [name for name in BREAKS if name != 'a width in words'])
def test_the_reader_refuses_the_same(name, coco, names, tmp_path):
    broken = copy.deepcopy(coco)
    BREAKS[name][0](broken)
    (tmp_path / 'a.json').write_text(json.dumps(broken))
    with pytest.raises(InputError):
        read_annotations(str(tmp_path / 'a.json'), 5, names)


def test_all_records_are_counted(coco, names):
    broken = copy.deepcopy(coco)
    for annotation in broken['annotations']:
        annotation['keypoints'][0] = None
    broken['images'][0]['height'] = -1
    findings = check_records(broken, names)
    assert [f.what.split(':')[0] for f in findings] == [
        '1 of 6 images have no width and height above 0',
        '6 of 6 annotations have keypoints that are no finite numbers',
    ]
    assert '10, 20, 30 and 3 more' in findings[1].what


def test_crowds_and_people_without_labels_may_have_empty_boxes(coco, names):
    changed = copy.deepcopy(coco)
    changed['annotations'][0].update(iscrowd=1, bbox=[0, 0, 0, 0])
    changed['annotations'][1].update(keypoints=[0] * 15, bbox=[0, 0, 0, 0])
    changed['annotations'][2].pop('bbox')
    assert check_records(changed, names) == []
