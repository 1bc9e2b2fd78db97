import copy
import json
import re
from pathlib import Path

import pytest

from hybridkp.datasets.coco_json import count_labelled, is_labelled, read_annotations, read_detections
from hybridkp.errors import InputError

COCO = Path(__file__).parents[1] / 'data' / 'coco' / 'annotations' / 'person_keypoints_val2017.json'
NAMES = ['nose', 'tail']
GOOD = dict(
    images=[
        dict(id=1, file_name='a.jpg', width=40, height=30),
        dict(id=2, file_name='b.jpg', width=40, height=30),
    ],
    annotations=[
        dict(
            id=10,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=50.0,
            num_keypoints=2,
            bbox=[1, 2, 10, 20],
            keypoints=[3, 4, 2, 5, 6, 1],
        ),
        dict(
            id=11,
            image_id=2,
            category_id=1,
            iscrowd=1,
            area=0,
            num_keypoints=0,
            bbox=[0, 0, 0, 0],
            keypoints=[0] * 6,
        ),
        dict(id=12, image_id=2, category_id=1, bbox=[0, 0, 5, 5]),
    ],
    categories=[dict(id=1, name='mouse', keypoints=NAMES)],
)


def write(folder, content):
    path = folder / 'labels.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def changed(place, value):
    """GOOD with one entry replaced (or removed, with ...); the place is a path of keys."""
    content = copy.deepcopy(GOOD)
    target = content
    for key in place[:-1]:
        target = target[key]
    if value is ...:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return content


def test_good_files_pass_unchanged(tmp_path):
    assert read_annotations(write(tmp_path, GOOD), 2, NAMES) == GOOD
    names = json.loads(COCO.read_text())['categories'][0]['keypoints']
    assert read_annotations(str(COCO), 17, names) == json.loads(COCO.read_text())


def test_a_byte_order_mark_and_no_categories_are_fine(tmp_path):
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(changed(['categories'], ...)), encoding='utf-8-sig')
    assert len(read_annotations(str(path), 2, NAMES)['annotations']) == 3


def test_labelled():
    assert is_labelled(GOOD['annotations'][0])
    assert not is_labelled(GOOD['annotations'][1])
    assert not is_labelled(dict(num_keypoints=3, iscrowd=1))
    assert count_labelled(dict(keypoints=[0, 0, 0, 1, 1, 1, 2, 2, 2])) == 2


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.json: there is no such file'):
        read_annotations(str(tmp_path / 'nothing.json'), 2, NAMES)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"images": [\n{"id": 1', 'line 2, column 9: expected JSON, got a broken or truncated file'),
        ('', 'line 1, column 1: expected JSON'),
        ([], 'expected COCO annotations .* got a list, perhaps a detection result'),
        (dict(images=[]), r'expected COCO annotations with a list "annotations", got the keys \[.images.\]'),
    ],
)
def test_not_coco(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=f'^{re.escape(path)}: {message}'):
        read_annotations(path, 2, NAMES)


def test_not_text(tmp_path):
    (tmp_path / 'labels.json').write_bytes(b'{"a": "\xff\xff"}')
    with pytest.raises(InputError, match='expected JSON in UTF-8'):
        read_annotations(str(tmp_path / 'labels.json'), 2, NAMES)


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (['annotations', 0, 'keypoints'], [1, 1, 2], r'annotation 10: expected 2 keypoints .* got 1$'),
        (['annotations', 0, 'keypoints'], [1, 1, 2, 1], r'annotation 10: expected 2 keypoints .* got 1.33'),
        (['annotations', 0, 'keypoints'], 'x', 'annotation 10: expected 2 keypoints .* got a str'),
        (
            ['annotations', 0, 'keypoints', 3],
            float('nan'),
            'annotation 10: expected 6 finite numbers as keypoints',
        ),
        (['annotations', 0, 'keypoints', 0], None, 'annotation 10: expected 6 finite numbers as keypoints'),
        (
            ['annotations', 0, 'keypoints', 5],
            3,
            'annotation 10: expected a visibility of 0, 1 or 2, got 3 for',
        ),
        (['annotations', 0, 'keypoints', 2], -1, 'got -1 for keypoint 0'),
        (
            ['annotations', 0, 'bbox', 2],
            0,
            r'annotation 10: expected a box of positive .* got \[1, 2, 0, 20\]',
        ),
        (['annotations', 0, 'bbox', 3], -4, 'annotation 10: expected a box of positive width and height'),
        (['annotations', 0, 'bbox', 0], float('inf'), 'annotation 10: expected 4 finite numbers as bbox'),
        (['annotations', 1, 'bbox'], [0, 0, 5], 'annotation 11: expected 4 finite numbers as bbox'),
        (
            ['annotations', 0, 'area'],
            float('nan'),
            'annotation 10: expected 3 finite numbers as area, iscrowd',
        ),
        (['annotations', 0, 'image_id'], 7, 'annotation 10: expected the id of an image .* got image_id 7'),
        (['annotations', 1, 'id'], 10, 'annotation 10: expected an id of its own'),
        (['annotations', 0, 'category_id'], ..., 'annotation 0 of the list: expected a key "category_id"'),
        (['annotations', 0], 5, 'annotation 0 of the list: expected a dict, got a int'),
        (['images', 1, 'id'], 1, 'image 1: expected an id of its own'),
        (['images', 1, 'file_name'], ..., 'image 1 of the list: expected a key "file_name"'),
        (['images', 1, 'pixel_spacing'], 0, 'image 2: expected a pixel_spacing .* got 0'),
        (['info'], dict(pixel_spacing=[1, -1]), r'info: expected a pixel_spacing .* got \[1, -1\]'),
        (['annotations', 0, 'readers'], dict(me=[1, 2, 2]), 'annotation 10: reader me: expected 2 keypoints'),
        (['images', 1, 'height'], 0, r'image 2: expected a width and a height above 0, got \[40, 0\]'),
        (['categories', 0, 'keypoints'], ['nose'], 'category 1: expected 2 keypoint names, got 1'),
        (
            ['categories', 0, 'keypoints'],
            ['tail', 'nose'],
            "category 1: expected 'nose' as keypoint 0, got 'tail'",
        ),
    ],
)
def test_wrong_records_are_named(tmp_path, place, value, message):
    path = write(tmp_path, changed(place, value))
    with pytest.raises(InputError, match=f'^{re.escape(path)}: .*{message}|^{re.escape(path)}: {message}') as info:
        read_annotations(path, 2, NAMES)
    assert '\n' not in str(info.value)


def test_detections(tmp_path):
    good = [dict(image_id=1, category_id=1, bbox=[1, 2, 3, 4], score=0.5)]
    assert read_detections(write(tmp_path, good), [1, 2]) == good
    assert read_detections(write(tmp_path, []), [1, 2]) == []


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(image_id=3), 'detection 1: expected the id of an annotated image, got image_id 3'),
        (dict(bbox=[1, 2, 3]), 'detection 1: expected 4 finite numbers as bbox'),
        (dict(bbox=[1, 2, -3, 4]), 'detection 1: expected a box without negative sides'),
        (dict(score=float('nan')), 'detection 1: expected 1 finite numbers as score'),
    ],
)
def test_wrong_detections_are_named(tmp_path, change, message):
    good = dict(image_id=1, category_id=1, bbox=[1, 2, 3, 4], score=0.5)
    path = write(tmp_path, [good, good | change])
    with pytest.raises(InputError, match=message):
        read_detections(path, [1, 2])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (GOOD, 'expected a list of detections, got a dict'),
        ([dict(image_id=1)], 'expected a key "category_id"'),
        ([3], 'detection 0: expected a dict'),
    ],
)
def test_not_detections(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_detections(write(tmp_path, content), [1])
