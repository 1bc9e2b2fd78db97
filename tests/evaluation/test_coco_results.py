"""Result files of ours and of others, good and bad."""

import json
import math

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_results import read_coco_results, read_entries, without_duplicates
from hybridkp.evaluation.coco_truth import arrange

PERSON = dict(id=1, image_id=7, category_id=1, bbox=[0, 0, 9, 9], area=81, iscrowd=0, keypoints=[1, 2, 2, 3, 4, 2])
TRUTH = arrange(dict(images=[dict(id=7), dict(id=3)], annotations=[PERSON], categories=[dict(id=1)]), 'here')
ENTRY = dict(image_id=7, category_id=1, keypoints=[1, 2, 0.5, 3, 5, 0.25], score=0.5)


@pytest.fixture
def read(tmp_path):
    """Write entries to a file and read it."""

    def run(entries, truth=TRUTH):
        (tmp_path / 'r.json').write_text(json.dumps(entries))
        return read_coco_results(tmp_path / 'r.json', truth)

    return run


def test_the_least_that_an_entry_has(read):
    """Without a box that of the keypoints is taken, without a category the only one."""
    found = read([dict(image_id=7, keypoints=[1, 2, 0.5, 3, 5, 0.25], score=1)])
    detections = found.detections
    assert detections.keypoints.tolist() == [[[1, 2], [3, 5]]] and detections.keypoint_scores.tolist() == [[0.5, 0.25]]
    assert detections.boxes.tolist() == [[1, 2, 2, 3]] and detections.areas.tolist() == [6]
    assert detections.images.tolist() == [1] and detections.categories.tolist() == [0]
    assert (detections.sides.prod(axis=1)).tolist() == [6]
    assert np.isnan(found.covariances).all() and found.covariances.shape == (1, 2, 2, 2)
    assert found.protocol is None and found.entries.tolist() == [0]


def test_what_ours_have_beside(read):
    more = dict(bbox=[0, 0, 4, 5], crop_area=30, keypoint_covariances=[[4, 1, 9], [1, 0, 1]], protocol=dict(boxes='b'))
    found = read([dict(ENTRY, **more), ENTRY])
    assert found.detections.boxes.tolist() == [[0, 0, 4, 5], [1, 2, 2, 3]]
    assert found.detections.sides.prod(axis=1).tolist() == [30, 6]
    assert (
        found.covariances[0].tolist() == [[[4, 1], [1, 9]], [[1, 0], [0, 1]]] and np.isnan(found.covariances[1]).all()
    )
    assert found.protocol == dict(boxes='b')


def test_entries_are_ordered_by_image_and_keep_their_numbers(read):
    found = read([dict(ENTRY, score=0.1), dict(ENTRY, image_id=3, score=0.2), dict(ENTRY, score=0.3)])
    assert found.entries.tolist() == [1, 0, 2] and found.detections.scores.tolist() == [0.2, 0.1, 0.3]
    assert found.select(found.detections.scores > 0.15).entries.tolist() == [1, 2]


def test_nothing_was_found(read):
    found = read([])
    assert found.detections.keypoints.shape == (0, 2, 2) and found.protocol is None
    assert evaluate(found.detections, TRUTH, np.array([0.1, 0.1])).accumulation.measures()['AP'] == 0


def test_duplicates_are_left_out_if_asked_for(read):
    found = read([dict(ENTRY, score=0.1), dict(ENTRY, score=0.2), dict(ENTRY, keypoints=[9, 9, 1, 0, 0, 1])])
    sigmas = np.array([0.1, 0.1])
    assert without_duplicates(found, sigmas, None) is found
    assert without_duplicates(found, sigmas, 0.9).entries.tolist() == [2, 1]


def test_area_of_the_crop_decides_about_duplicates(read):
    """Two poses a px apart are alike for a large person, not for a small one."""
    poses = [dict(ENTRY, keypoints=[x, 2, 1, x + 2, 5, 1], score=x / 10) for x in (1, 2)]
    for area, count in ((10000, 1), (1, 2)):
        found = read([dict(pose, crop_area=area) for pose in poses])
        assert len(without_duplicates(found, np.array([0.1, 0.1]), 0.9).entries) == count


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(image_id=8), r'entry 1: expected the id of an image of the annotations, got image_id 8'),
        (dict(image_id=[7]), r'entry 1: expected the id of an image of the annotations, got image_id \[7\]'),
        (dict(category_id=2), r'entry 1: expected a category of the annotations, of \[1\], got category_id 2'),
        (
            dict(keypoints=[1, 2, 1]),
            r'entry 1: expected 2 times x, y and score, all finite, as keypoints, got 3 numbers',
        ),
        (dict(keypoints=[1, 2, 1, 3, 4, math.nan]), 'entry 1: .* as keypoints, got nan as number 5'),
        (dict(keypoints=[1, 2, 1, 3, None, 1]), 'entry 1: .* as keypoints, got None as number 4'),
        (dict(keypoints=[1, 2, 1, 3, '4', 1]), "entry 1: .* as keypoints, got '4' as number 4"),
        (dict(keypoints=[[1, 2, 1], [3, 4, 1]]), 'entry 1: .* as keypoints, got 2 numbers'),
        (dict(keypoints='many'), "entry 1: .* as keypoints, got 'many'"),
        (dict(score=math.inf), 'entry 1: expected a finite number as score, got inf'),
        (dict(score=None), 'entry 1: expected a finite number as score, got None'),
        (dict(bbox=[1, 2, 3]), r'entry 1: expected finite numbers of shape \(4,\) as bbox, got 3 numbers'),
        (dict(bbox=[1, 2, 3, math.nan]), 'entry 1: .* as bbox, got nan as number 3'),
        (dict(crop_area='big'), "entry 1: expected a finite number as crop_area, got 'big'"),
        (
            dict(keypoint_covariances=[[1, 0, 1]]),
            r'entry 1: .*shape \(2, 3\) as keypoint_covariances, got \[\[1, 0, 1\]\]',
        ),
    ],
)
def test_wrong_entries_are_named(read, changes, message):
    with pytest.raises(InputError, match=rf'r\.json: {message}'):
        read([ENTRY, dict(ENTRY, **changes)])


@pytest.mark.parametrize('key', ['image_id', 'keypoints', 'score'])
def test_a_key_that_is_missing_is_named(read, key):
    wrong = {name: value for name, value in ENTRY.items() if name != key}
    with pytest.raises(InputError, match=rf"r\.json: entry 1: expected the keys .*, got none of \['{key}'\]"):
        read([ENTRY, wrong])


def test_category_has_to_be_said_where_there_are_several(read):
    truth = TRUTH._replace(categories=[1, 2])
    wrong = {name: value for name, value in ENTRY.items() if name != 'category_id'}
    with pytest.raises(InputError, match=r'entry 0: expected a category of the annotations, of \[1, 2\], got .* None'):
        read([wrong], truth)


def test_wrong_protocol_is_refused(read):
    with pytest.raises(InputError, match=r"r\.json: entry 0: expected a dict as protocol, got 'detector'"):
        read([dict(ENTRY, protocol='detector')])


@pytest.mark.parametrize(
    'text, message',
    [
        ('[{"image_id": 7', r'r\.json: expected JSON in UTF-8, got a broken or truncated file \(.*column'),
        ('{"annotations": []}', r'r\.json: expected COCO results, a list of entries, got a dict'),
        ('[3]', r'r\.json: entry 0: expected a dict, got 3'),
        (b'\xff\xfe[]', r'r\.json: expected JSON in UTF-8'),
    ],
)
def test_broken_files_are_refused(tmp_path, text, message):
    (tmp_path / 'r.json').write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_entries(tmp_path / 'r.json')
    with pytest.raises(FileNotFoundError, match=r'not\.json: there is no such file'):
        read_entries(tmp_path / 'not.json')


@pytest.mark.parametrize('seed', range(3))
def test_a_file_of_somebody_else_has_the_numbers_of_the_reference(coco_eval, tmp_path, seed):
    """Neither boxes nor covariances nor a stamp, people in several categories: what xtcocotools reads, we read."""
    records, samples = coco_eval.case(seed, images=6, categories=2, zeros=False)
    entries = coco_eval.entries(samples)
    for entry in entries if seed else ():
        del entry['bbox']
    (tmp_path / 'r.json').write_text(json.dumps(entries))
    truth, sigmas = arrange(records, 'here'), np.array([0.05, 0.1, 0.15])
    found = read_coco_results(tmp_path / 'r.json', truth)
    measures = evaluate(found.detections, truth, sigmas).accumulation.measures()
    expected = coco_eval.by('xtcocotools', records, entries, sigmas)
    assert {f'coco/{name}': value for name, value in measures.items()} == expected
