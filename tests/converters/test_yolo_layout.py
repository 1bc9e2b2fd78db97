"""COCO to YOLO's layout and back: what is kept, what is not, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybridkp.converters.yolo_layout import coco_to_yolo, yolo_to_coco
from hybridkp.errors import InputError

NAMES = ['a', 'b']


@pytest.fixture
def write(tmp_path):
    def to_file(people, images=('0.jpg', '1.png')):
        records = [dict(id=i, file_name=name, width=200, height=100) for i, name in enumerate(images)]
        annotations = [dict(id=i, image_id=0, category_id=5, **person) for i, person in enumerate(people)]
        (tmp_path / 'a.json').write_text(json.dumps(dict(images=records, annotations=annotations)))
        return str(tmp_path / 'a.json')

    return to_file


def lines(folder, name='0'):
    return (folder / f'labels/val/{name}.txt').read_text().splitlines()


def test_by_hand(write, tmp_path):
    path = write([dict(bbox=[20, 10, 40, 20], keypoints=[30, 20, 1, 250, 20, 2])])
    said = coco_to_yolo(path, NAMES, str(tmp_path), 'val')
    assert said == f'{tmp_path}/val.txt: 2 images, 1 people'
    # x of the second point is outside: not labelled
    assert lines(tmp_path) == [
        '0 0.200000 0.200000 0.200000 0.200000 0.150000 0.200000 1 0.000000 0.000000 0'
    ]  # fmt: skip
    assert lines(tmp_path, '1') == []
    assert (tmp_path / 'val.txt').read_text() == './images/val/0.jpg\n./images/val/1.png\n'


def test_who_is_written(write, tmp_path):
    box, points = [20, 10, 40, 20], [30, 20, 1, 25, 20, 2]
    people = [
        dict(bbox=box, keypoints=points),
        dict(bbox=box, keypoints=points),  # twice
        dict(bbox=box, keypoints=[0] * 6),
        dict(bbox=box, keypoints=points, iscrowd=1),
        dict(bbox=[300, 10, 40, 20], keypoints=points),
        dict(bbox=[-20, -10, 40, 20], keypoints=points),  # a quarter is inside
    ]
    coco_to_yolo(write(people), NAMES, str(tmp_path), 'val')
    found = lines(tmp_path)
    assert len(found) == 2 and found[1].startswith('0 0.050000 0.050000 0.100000 0.100000 ')


def test_round_trip(write, tmp_path):
    import cv2

    people = [dict(bbox=[20.33, 10.25, 40.5, 20.75], keypoints=[30.5, 20.25, 1, 0, 0, 0])]
    (tmp_path / 'pictures').mkdir()
    for name in ('0.jpg', '1.png'):
        cv2.imwrite(str(tmp_path / 'pictures' / name), np.zeros((100, 200, 3), np.uint8))
    coco_to_yolo(write(people), NAMES, str(tmp_path / 'out'), 'val', str(tmp_path / 'pictures'))
    coco_to_yolo(write(people), NAMES, str(tmp_path / 'out'), 'val', str(tmp_path / 'pictures'))  # the link is there
    coco = yolo_to_coco([str(tmp_path / 'out/val.txt')], NAMES, ['person'])['val']
    (person,) = coco['annotations']
    np.testing.assert_allclose(person['bbox'], people[0]['bbox'], atol=1e-3)
    np.testing.assert_allclose(person['keypoints'], people[0]['keypoints'], atol=1e-3)
    assert coco['categories'][0] == dict(id=1, name='person', supercategory='person', keypoints=NAMES, skeleton=[])
    assert [image['file_name'] for image in coco['images']] == ['images/val/0.jpg', 'images/val/1.png']


def test_bad_input(write, tmp_path):
    path = write([dict(bbox=[0, 0, 9, 9], keypoints=[1, 1, 2])])
    with pytest.raises(InputError, match='a.json: annotation 0: expected 2 keypoints'):
        coco_to_yolo(path, NAMES, str(tmp_path), 'val')
    with pytest.raises(InputError, match='image 1: expected a name of its own but for the suffix, got 0'):
        coco_to_yolo(write([], ('0.jpg', '0.png')), NAMES, str(tmp_path), 'val')
    with pytest.raises(FileNotFoundError, match='nowhere: there is no such folder'):
        coco_to_yolo(write([]), NAMES, str(tmp_path), 'val', 'nowhere')
    (tmp_path / 'images/val').mkdir(parents=True)
    with pytest.raises(InputError, match='images/val: expected nothing or a link to .*, got something else'):
        coco_to_yolo(write([]), NAMES, str(tmp_path), 'val', str(tmp_path))
    assert not (tmp_path / 'labels').exists() and not (tmp_path / 'val.txt').exists()
    with pytest.raises(InputError, match='b/val.txt: expected lists of different names, got val twice'):
        (tmp_path / 'val.txt').write_text('images/val/0.jpg')
        (tmp_path / 'labels/val').mkdir(parents=True)
        (tmp_path / 'labels/val/0.txt').write_text('')
        (tmp_path / 'images/val/0.jpg').write_bytes(
            (Path(__file__).parents[1] / 'data/coco/val2017/000000000885.jpg').read_bytes()
        )
        yolo_to_coco([str(tmp_path / 'val.txt'), str(tmp_path / 'b/val.txt')], NAMES, ['person'])
