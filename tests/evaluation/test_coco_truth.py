import json
import math

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_truth import arrange, read_records

PERSON = dict(id=1, image_id=4, category_id=1, bbox=[1, 2, 3.5, 4], area=7, keypoints=[1, 2, 2, 0, 0, 0, 5, 6, 1])


def records(*people, categories=(1,)):
    return dict(
        images=[dict(id=i) for i in (9, 4)],
        annotations=[PERSON | dict(id=i) | one for i, one in enumerate(people)],
        categories=[dict(id=i) for i in categories],
    )


def test_units_go_by_category_and_image_and_keep_the_order_of_the_file():
    people = [
        dict(category_id=c, image_id=i, area=a) for a, (c, i) in enumerate([(3, 9), (1, 9), (1, 4), (2, 4), (1, 9)])
    ]
    truth = arrange(records(*people, categories=(3, 1)), 'here')  # nobody measures category 2
    assert (truth.images, truth.categories) == ([4, 9], [1, 3])
    assert truth.units.tolist() == [0, 1, 1, 3] and truth.areas.tolist() == [2, 1, 4, 0]
    assert truth.keypoints.shape == (4, 3, 2) and truth.boxes[0].tolist() == [1, 2, 3.5, 4]


def test_who_is_ignored():
    truth = arrange(records({}, dict(iscrowd=1), dict(keypoints=[0] * 9)), 'here')
    assert truth.labelled[0].tolist() == [True, False, True]
    assert truth.crowds.tolist() == [False, True, False] and truth.ignored.tolist() == [False, True, True]


def test_nobody():
    truth = arrange(records(), 'here')
    assert truth.units.size == 0 and truth.ignored.size == 0 and truth.boxes.shape == (0, 4)


def test_categories_that_are_not_listed_are_those_of_the_people():
    assert arrange(records({}, dict(category_id=7), categories=()), 'here').categories == [1, 7]


@pytest.mark.parametrize(
    'people, message',
    [
        ([dict(image_id=5)], 'annotation 0: expected the id of an image of this file, got 5'),
        ([{}, dict(keypoints=[1, 2, 2])], 'annotation 1: expected as many keypoints'),
        ([dict(keypoints=[1, 2])], 'annotation 0: expected as many keypoints'),
        ([dict(bbox=[1, 2, 3])], 'annotation 0: expected x, y, w and h'),
        ([{}, dict(area=math.nan)], 'annotation 1: expected finite numbers as area, got nan'),
        ([{}, dict(area=None)], 'annotation 1: expected finite numbers as area, got None'),
        ([dict(keypoints=['a'] * 9)], 'annotation 0: expected finite numbers as keypoints'),
        ([{}, dict(id=0)], 'ids of their own'),
    ],
)
def test_wrong_records_are_named(people, message):
    with pytest.raises(InputError, match=f'^a file: .*{message}'):
        arrange(records(*people), 'a file')


@pytest.mark.parametrize('key', ['id', 'image_id', 'category_id', 'keypoints', 'bbox', 'area'])
def test_missing_keys_are_named(key):
    person = {k: v for k, v in PERSON.items() if k != key}
    with pytest.raises(InputError, match=f"a file: annotation .*got none of \\['{key}'\\]"):
        arrange(dict(images=[dict(id=4)], annotations=[person]), 'a file')


def test_what_is_no_record_is_named():
    with pytest.raises(InputError, match='a file: annotation 0 of the list: expected a dict, got 3'):
        arrange(dict(images=[], annotations=[3]), 'a file')
    with pytest.raises(InputError, match='a file: expected images with an id'):
        arrange(dict(images=[{}], annotations=[]), 'a file')


def test_files_are_read(tmp_path):
    path = tmp_path / 'a.json'
    with pytest.raises(FileNotFoundError, match='a.json: there is no such file'):
        read_records(str(path))
    for text in ('{"images": [', '[]', '{"images": []}', b'\xff\xfe\x00'):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError, match='a.json: expected'):
            read_records(str(path))
    path.write_text(json.dumps(records({})))
    np.testing.assert_equal(arrange(read_records(str(path)), str(path)).keypoints, [[[1, 2], [0, 0], [5, 6]]])
