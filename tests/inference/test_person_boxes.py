"""Boxes of files: annotations, detections and predictions."""

import json

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.media_frame import MediaFrame
from hybridkp.inference.person_boxes import PersonBoxes

IMAGES = [dict(id=7, file_name='a.jpg'), dict(id=8, file_name='below/b.jpg')]
SIZE = 40, 60


@pytest.fixture
def boxes(tmp_path):
    """Write a file and read its boxes."""

    def read(content, minimum=0.0):
        path = tmp_path / 'boxes.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return PersonBoxes(path, minimum)

    return read


def test_annotated_boxes_are_those_of_training(boxes):
    """Cut at the last pixels, without crowds and what has no area, nobody in an image without boxes."""
    people = [
        dict(image_id=7, bbox=[10, 20, 30, 40]),
        dict(image_id=7, bbox=[0, 0, 5, 5], iscrowd=1),
        dict(image_id=7, bbox=[70, 0, 5, 5]),
        dict(image_id=7),
        dict(image_id=7, bbox=[1, 2, 3, 4]),
    ]
    found = boxes(dict(images=IMAGES, annotations=people))
    corners, scores = found.find(MediaFrame('x/a.jpg'), SIZE)
    assert corners.tolist() == [[10, 20, 40, 39], [1, 2, 4, 6]] and scores.tolist() == [1, 1]
    assert corners.dtype == scores.dtype == np.float32
    assert [len(part) for part in found.find(MediaFrame('below/b.jpg'), SIZE)] == [0, 0]
    assert 'x/a.jpg' in found and 'x/c.jpg' not in found


def test_detections_by_name_number_and_frame(boxes):
    found = boxes(
        [
            dict(file_name='a.jpg', bbox=[0, 1, 2, 3], score=0.9),
            dict(file_name='a.jpg', bbox=[0, 1, 2, 4], score=0.2),
            dict(image_id=12, bbox=[50, 30, 20, 20], score=0.8),
            dict(file_name='v.mp4', frame=3, image_id=3, bbox=[1, 1, 1, 1], score=1),
        ],
        minimum=0.3,
    )
    assert found.find(MediaFrame('a.jpg'), SIZE)[0].tolist() == [[0, 1, 2, 4]]
    assert found.find(MediaFrame('0012.jpg'), SIZE)[0].tolist() == [[50, 30, 70, 50]]  # those of a detector as they are
    assert found.find(MediaFrame('v.mp4', 3), SIZE)[0].tolist() == [[1, 1, 2, 2]]
    assert len(found.find(MediaFrame('v.mp4', 2), SIZE)[0]) == 0


def test_people_among_several_categories(boxes):
    entries = [dict(file_name='a.jpg', bbox=[0, 0, i, i], score=1, category_id=i) for i in (1, 2)]
    assert boxes(entries).find(MediaFrame('a.jpg'), SIZE)[0].tolist() == [[0, 0, 1, 1]]
    assert boxes(entries[1:]).find(MediaFrame('a.jpg'), SIZE)[0].tolist() == [[0, 0, 2, 2]]
    with pytest.raises(InputError, match=r'expected boxes of one category or of category 1, got \[2, 3\]'):
        boxes([entries[1], entries[1] | dict(category_id=3)])


@pytest.mark.parametrize(
    'content, message',
    [
        ('{', 'line 1, column 2: expected JSON'),
        (3, 'expected COCO annotations or detections, got a int'),
        ({}, 'expected COCO annotations with a list "images"'),
        (dict(images=[{}], annotations=[]), 'image 0 of the list: expected a key "id"'),
        (dict(images=IMAGES, annotations=[dict(image_id=9, bbox=[0, 0, 1, 1])]), 'annotation 0 of the list: .* 9'),
        ([3], 'detection 0: expected a dict, got a int'),
        ([dict(bbox=[0, 0, 1, 1])], 'detection 0: expected a key "score"'),
        ([dict(bbox=[0, 0, 1, 1], score=1)], 'detection 0: expected a key "file_name" or "image_id"'),
        ([dict(bbox=[0, 0, 1], score=1, image_id=1)], r'detection 0: expected x, y, width and height .* \[0, 0, 1\]'),
        ([dict(bbox=[0, 0, 1, -1], score=1, image_id=1)], 'detection 0: expected x, y, width and height'),
        ('[{"bbox": [0, 0, 1, NaN], "score": 1, "image_id": 1}]', 'detection 0: expected x, y, width and height'),
        ([dict(bbox=[0, 0, 1, 1], score='high', image_id=1)], "detection 0: expected a finite score, got 'high'"),
        ([dict(bbox=[0, 0, 1, 1], score=1, image_id=1, frame='x')], 'detection 0: expected the number of a frame'),
    ],
)
def test_wrong_files(content, message, boxes):
    with pytest.raises(InputError, match=f'boxes.json: {message}'):
        boxes(content)


def test_no_file():
    with pytest.raises(FileNotFoundError, match='nowhere.json: there is no such file'):
        PersonBoxes('nowhere.json')
