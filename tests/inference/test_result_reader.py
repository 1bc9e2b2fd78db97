"""Result files: read by image, or refused with a sentence. tests/tools/test_draw.py has more of what is refused."""

import json

import pytest

from hybridkp.errors import InputError
from hybridkp.inference.result_reader import read_results


def entry(image, count=2):
    return dict(image_id=image, keypoints=[0] * 3 * count, keypoint_covariances=[[1, 0, 1]] * count)


def test_entries_are_grouped_by_image_in_their_order(tmp_path):
    entries = [entry(7) | dict(score=1), entry(3), entry(7) | dict(score=2)]
    (tmp_path / 'r.json').write_text(json.dumps(entries))
    results = read_results(tmp_path / 'r.json', 2)
    assert results == {7: [entries[0], entries[2]], 3: [entries[1]]}


def test_another_number_of_keypoints_is_refused(tmp_path):
    (tmp_path / 'r.json').write_text(json.dumps([entry(7), entry(3, count=3)]))
    with pytest.raises(
        InputError, match=r'r.json: entry 1: keypoint_covariances has shape \(3, 3\), expected \(2, 3\)'
    ):
        read_results(tmp_path / 'r.json', 2)
