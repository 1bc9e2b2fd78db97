"""Labels of images by their files."""

import json

import pytest

from hybridkp.errors import InputError
from hybridkp.inference.label_file import LabelFile

META = dict(num_keypoints=2, keypoint_name2id=dict(nose=0, tail=1))


@pytest.fixture
def labels(tmp_path):
    """Labels of two images: one with a person, a crowd and one without labels, one with nobody."""
    images = [dict(id=5, file_name='x/a.png', width=60, height=40), dict(id=9, file_name='b.png', width=6, height=4)]
    images[0]['pixel_spacing'] = 0.1
    person = dict(image_id=5, category_id=1, bbox=[1, 2, 30, 20])
    people = [
        dict(person, id=1, keypoints=[5, 6, 2, 7, 8, 1]),
        dict(person, id=2, keypoints=[5, 6, 2, 7, 8, 1], iscrowd=1),
        dict(person, id=3, keypoints=[0] * 6),
    ]
    (tmp_path / 'a.json').write_text(json.dumps(dict(images=images, annotations=people)))
    return LabelFile(tmp_path / 'a.json', META)


def test_people_of_an_image(labels):
    (person,) = labels.find('set/x/a.png', (40, 60))
    assert person['keypoints'].tolist() == [[[5, 6], [7, 8]]] and person['keypoints_visible'].tolist() == [[2, 1]]
    assert person['bbox'].tolist() == [[1, 2, 31, 22]] and person['img_path'] == 'set/x/a.png'
    assert person['pixel_spacing'].tolist() == [0.1, 0.1]
    assert labels.find('b.png', (4, 6)) == [] and labels.find('c.png', (4, 6)) is None


def test_ids(labels):
    assert [labels.image_id(name) for name in ('x/a.png', 'b.png', 'c.png')] == [5, 9, None]
    assert labels.next_id() == 10


def test_another_image(labels):
    with pytest.raises(InputError, match=r'x/a.png: expected 60 x 40 px .*a.json says, got 60 x 41'):
        labels.find('x/a.png', (41, 60))
