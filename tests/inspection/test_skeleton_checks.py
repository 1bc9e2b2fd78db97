"""Skeletons, right and wrong."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from hybridkp.inspection.label_table import label_table
from hybridkp.inspection.skeleton_checks import check_pair_names, check_pair_shapes, check_sigmas, check_size

ROOT = Path(__file__).parents[2]
COCO = json.loads((ROOT / 'tests/data/coco/annotations/person_keypoints_val2017.json').read_text())
NAMES = COCO['categories'][0]['keypoints']
PAIRS = [(i, i + 1) for i in range(1, 17, 2)]


def worse(findings):
    return [(finding.level, finding.what) for finding in findings if finding.level != 'ok']


def test_sizes():
    assert check_size(NAMES, 17).level == 'ok'
    assert check_size(NAMES, 16).what == 'the skeleton has 17 keypoints, the head predicts 16'
    assert check_size(NAMES, None).level == 'warn'


def test_sigmas():
    assert check_sigmas(NAMES, np.full(17, 0.05)).level == 'ok'
    assert 'nose 0.5' in check_sigmas(NAMES[:2], np.array([0.5, 0.025])).what
    skeletons = (Config.fromfile(path).skeleton for path in sorted((ROOT / 'configs/_base_/skeletons').glob('*.py')))
    for skeleton in skeletons:
        assert check_sigmas(skeleton.keypoints, np.array(skeleton.sigmas)).level == 'ok'


def named(pairs):
    return [(NAMES[a], NAMES[b]) for a, b in pairs]


@pytest.mark.parametrize(
    'pairs, flips, level, says',
    [
        (PAIRS, True, 'ok', '8 flip pairs'),
        (PAIRS[1:], True, 'FAIL', 'left_eye and right_eye'),
        ([(2, 1), *PAIRS[1:]], True, 'warn', 'with the right one first: left_eye and right_eye'),
        ([], False, 'ok', 'not mirrored'),
        (PAIRS[1:], False, 'ok', 'not mirrored'),
    ],
)
def test_names_of_pairs(pairs, flips, level, says):
    (finding,) = check_pair_names(NAMES, named(pairs), flips)
    assert finding.level == level and says in finding.what


def test_mirrored_without_pairs():
    (finding,) = check_pair_names(['nose', 'tail'], [], True)
    assert finding.level == 'warn' and 'no flip pairs' in finding.what


def test_shapes_of_people():
    (finding,) = check_pair_shapes(label_table(COCO, 17), NAMES, PAIRS)
    assert finding.level == 'ok' and '55 instances' in finding.what


def test_pairs_that_are_none():
    shoulder_and_ankle = [*PAIRS[:2], (5, 15), (6, 16), *PAIRS[3:7]]
    ((level, what), *_) = worse(check_pair_shapes(label_table(COCO, 17), NAMES, shoulder_and_ankle))
    assert level == 'warn' and what.startswith('mirrored labels do not look like labels (1.7 st')
    assert what.endswith('flip_pairs: left_shoulder and left_ankle, right_shoulder and right_ankle')


def test_labels_of_a_pair_exchanged():
    coco = copy.deepcopy(COCO)
    for annotation in coco['annotations']:
        points = np.array(annotation['keypoints']).reshape(-1, 3)
        points[[5, 6]] = points[[6, 5]]
        annotation['keypoints'] = points.ravel().tolist()
    ((level, what),) = worse(check_pair_shapes(label_table(coco, 17), NAMES, PAIRS))
    assert level == 'warn' and what.startswith('left_shoulder and right_shoulder lie as the other left and right ones')


def test_a_keypoint_that_lost_its_partner(drawn_set, tmp_path):
    coco = json.loads(drawn_set(tmp_path).read_text())
    names, table = coco['categories'][0]['keypoints'], label_table(coco, 5)
    assert worse(check_pair_shapes(table, names, [(1, 2), (3, 4)])) == []
    ((_, what),) = worse(check_pair_shapes(table, names, [(1, 2)]))
    assert 'left_foot alone, right_foot alone' in what


def test_bodies_may_be_turned(drawn_set, tmp_path):
    """Seen from above, a body is as symmetric as one that stands upright."""
    coco, generator = json.loads(drawn_set(tmp_path).read_text()), np.random.default_rng(0)
    for annotation in coco['annotations']:
        points, angle = np.array(annotation['keypoints']).reshape(-1, 3), generator.uniform(-np.pi, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points[:, :2] = (points[:, :2] - points[:, :2].mean(axis=0)) @ turn + 60
        annotation['keypoints'] = points.ravel().tolist()
    names, table = coco['categories'][0]['keypoints'], label_table(coco, 5)
    assert worse(check_pair_shapes(table, names, [(1, 2), (3, 4)])) == []
    assert worse(check_pair_shapes(table, names, [(1, 3), (2, 4)])) != []


def test_too_few_to_tell(drawn_set, tmp_path):
    coco = json.loads(drawn_set(tmp_path, count=5).read_text())
    assert check_pair_shapes(label_table(coco, 5), list('abcde'), [(0, 3)]) == []
