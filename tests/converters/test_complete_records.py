"""What other tools leave out."""

import json

import pytest

from hybridkp.converters.complete_records import complete_records


def coco(**annotation):
    images = [dict(id=1, file_name='a.png', width=100, height=50)]
    return dict(images=images, annotations=[dict(id=1, image_id=1, category_id=1) | annotation], categories=[])


def test_whole_records_stay(drawn_set, tmp_path):
    content = json.loads(drawn_set(tmp_path, count=3).read_text())
    assert complete_records(content, 5) == (content, [])


def test_what_is_missing_is_added():
    whole, notes = complete_records(coco(keypoints=[20, 10, 2, 60, 30, 1, 0, 0, 0]), 3)
    (annotation,) = whole['annotations']
    assert annotation['bbox'] == [16, 6, 48, 28]  # 40x20, and 4 px on each side
    assert annotation['area'] == pytest.approx(0.53 * 48 * 28)
    assert annotation['iscrowd'] == 0 and annotation['num_keypoints'] == 2
    assert notes == ['1 annotations had no bbox; it was added', '1 annotations had no area; it was added']


def test_boxes_end_at_the_image():
    whole, _ = complete_records(coco(keypoints=[0, 0, 2, 99, 49, 2]), 2)
    assert whole['annotations'][0]['bbox'] == [0, 0, 100, 50]


def test_nothing_labelled():
    whole, _ = complete_records(coco(), 2)
    (annotation,) = whole['annotations']
    assert annotation['keypoints'] == [0] * 6 and annotation['bbox'] == [0] * 4 and annotation['num_keypoints'] == 0


def test_the_given_content_is_not_changed():
    content = coco(keypoints=[20, 10, 2])
    complete_records(content, 1)
    assert 'bbox' not in content['annotations'][0]
