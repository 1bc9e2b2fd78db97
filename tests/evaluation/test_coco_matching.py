"""Matching by hand, through the whole metric and beside the reference: what fits on paper."""

import json

import numpy as np
import pytest

from hybridkp.evaluation.coco_accumulation import MEASURES
from hybridkp.evaluation.coco_matching import THRESHOLDS, ignored_detections, ignored_people, match, pairs
from hybridkp.evaluation.coco_truth import arrange

UNDEFINED = {f'coco/{name}': -1 for name in MEASURES}


@pytest.fixture
def by_hand(coco_eval, tmp_path):
    """Measure detections (image, x, y, score) of people of one keypoint: annotations as changes of a default one.

    The default is at (100, 100), of area 2500 px^2; with the sigma 0.1, OKS = exp(-d^2 / 200): 0.5 at 11.8 px, 0.75 at
    7.6 px, 0.95 at 3.2 px. A box of a detection has 2500 px^2, too. Mmpose's numbers have to be the same.
    """

    def run(people, found, images=(1,), **more):
        default = dict(image_id=1, category_id=1, bbox=[75, 75, 50, 50], area=2500, iscrowd=0, num_keypoints=1)
        default |= dict(keypoints=[100, 100, 2])
        annotations = [default | dict(id=i) | changes for i, changes in enumerate(people, 1)]
        records = dict(images=[dict(id=i) for i in images], annotations=annotations, categories=[dict(id=1)])
        path = tmp_path / 'a.json'
        path.write_text(json.dumps(records))
        samples = [
            coco_eval.sample(i, image, [[x, y]], [1], (x - 25, y - 25, 50, 50), score)
            for i, (image, x, y, score) in enumerate(found)
        ]
        sigmas = np.array([0.1])
        metrics = coco_eval.measure(coco_eval.build(path, sigmas, **more), samples)
        assert metrics == coco_eval.measure(coco_eval.build(path, sigmas, reference=True, **more), samples)
        if samples and not more:
            assert metrics == coco_eval.measure(coco_eval.build(path, sigmas, 'CocoMetric'), samples)
        return metrics

    return run


def test_detection_on_the_person_is_right_everywhere(by_hand):
    metrics = by_hand([{}], [(1, 100, 100, 0.5)])
    assert metrics == pytest.approx({name: -1 if '(L)' in name else 1 for name in UNDEFINED})


def test_threshold_of_similarity(by_hand):
    metrics = by_hand([{}], [(1, 108, 100, 0.5)])  # exp(-0.32) = 0.726: right at 0.5, 0.55, ... 0.7
    assert metrics['coco/AP'] == pytest.approx(0.5) and metrics['coco/AR'] == pytest.approx(0.5)
    assert metrics['coco/AP .5'] == pytest.approx(1) and metrics['coco/AP .75'] == 0


def test_the_better_detection_finds_first(by_hand):
    # the first takes the only person, though the second fits better; at 0.75 and above only the second reaches it
    metrics = by_hand([{}], [(1, 108, 100, 0.9), (1, 100, 100, 0.8)])
    assert metrics['coco/AP .5'] == pytest.approx(1) and metrics['coco/AP .75'] == pytest.approx(0.5)
    assert metrics['coco/AR'] == 1


def test_equal_scores_keep_their_order(by_hand):
    far, on = (1, 300, 300, 0.5), (1, 100, 100, 0.5)
    precisions = [by_hand([{}], found, nms_threshold=None)['coco/AP'] for found in ([far, on], [on, far])]
    assert precisions == pytest.approx([0.5, 1])


def test_equal_scores_go_by_image(by_hand):
    found = [(2, 300, 300, 0.5), (1, 100, 100, 0.5)]  # image 1 comes first, whatever the order of the samples
    assert by_hand([{}], found, images=(1, 2))['coco/AP'] == pytest.approx(1)
    assert by_hand(
        [dict(image_id=2)], [(1, *one[1:]) if one[0] == 2 else (2, *one[1:]) for one in found], images=(1, 2)
    )['coco/AP'] == pytest.approx(0.5)


def test_of_two_equally_similar_people_the_later_is_found(by_hand):
    # the other one is then out of reach for the second detection
    people = [dict(keypoints=[100, 100, 2]), dict(keypoints=[104, 100, 2])]
    found = [(1, 102, 100, 0.9), (1, 112, 100, 0.8)]  # 2 and 2 px; 12 and 8 px
    assert by_hand(people, found)['coco/AR .5'] == 0.5
    assert by_hand(people[::-1], found)['coco/AR .5'] == 1


def test_crowd_is_found_any_number_of_times_and_nobody_has_to(by_hand):
    crowd = dict(iscrowd=1, keypoints=[300, 300, 2], bbox=[275, 275, 50, 50])
    found = [(1, 300, 300, 0.9), (1, 301, 300, 0.8), (1, 302, 300, 0.7), (1, 100, 100, 0.6)]
    assert by_hand([{}, crowd], found, nms_threshold=None)['coco/AP'] == pytest.approx(1)
    # one person without keypoints to measure takes one of them only; the other two are wrong
    unlabelled = dict(num_keypoints=0, keypoints=[0, 0, 0], bbox=[275, 275, 50, 50])
    assert by_hand([{}, unlabelled], found, nms_threshold=None)['coco/AP'] == pytest.approx(1 / 3)
    assert by_hand([crowd], found) == UNDEFINED


@pytest.mark.parametrize('x, right', [(225, True), (375, True), (235, False), (215.1, False), (395, False)])
def test_person_without_keypoints_is_three_times_the_box(by_hand, x, right):
    unlabelled = dict(num_keypoints=0, keypoints=[0, 0, 0], bbox=[275, 275, 50, 50])
    x = x if right else x - 30 if x < 300 else x
    precision = by_hand([{}, unlabelled], [(1, x, 300, 0.9), (1, 100, 100, 0.6)])['coco/AP']
    assert precision == pytest.approx(1 if right else 0.5)


def test_regular_people_go_before_ignored_ones(by_hand):
    crowd = dict(iscrowd=1)  # exactly where the detection is, and the person 8 px away
    metrics = by_hand([crowd, dict(keypoints=[108, 100, 2])], [(1, 100, 100, 0.9)])
    assert metrics['coco/AR .5'] == 1 and metrics['coco/AR .75'] == 0


def test_ranges_of_areas_include_their_ends(by_hand):
    areas = [32**2 - 1, 32**2, 96**2, 96**2 + 1]
    metrics = [by_hand([dict(area=area)], [(1, 100, 100, 0.9)]) for area in areas]
    found = [[m['coco/AR (M)'], m['coco/AR (L)']] for m in metrics]
    assert found == [[-1, -1], [1, -1], [1, 1], [-1, 1]]


def test_detections_of_other_areas_are_not_wrong(by_hand):
    found = [(1, 300, 300, 0.9), (1, 100, 100, 0.8)]  # the one nobody is near has an area of 2500: not large
    metrics = by_hand([dict(area=10000)], found)
    assert metrics['coco/AP'] == pytest.approx(0.5) and metrics['coco/AP (L)'] == pytest.approx(1)


@pytest.mark.parametrize('before', [19, 20])
def test_twenty_detections_of_an_image_count(by_hand, before):
    found = [(1, 300 + 100 * i, 300, 0.9) for i in range(before)] + [(1, 100, 100, 0.5)]
    metrics = by_hand([{}], found)
    assert metrics['coco/AP'] == pytest.approx(0.05 if before == 19 else 0)
    assert by_hand([{}], found, max_detections=21)['coco/AP'] > 0


def test_images_without_anything(by_hand):
    right, images = (2, 100, 100, 0.5), (1, 2, 3, 9)
    assert by_hand([dict(image_id=2)], [right], images)['coco/AP'] == pytest.approx(1)
    assert by_hand([dict(image_id=2), {}], [right], images)['coco/AR'] == 0.5
    assert by_hand([dict(image_id=2)], [(9, 1, 1, 0.9), right], images)['coco/AP'] == pytest.approx(0.5)


def test_no_detections_and_nobody_to_find(by_hand):
    nothing = by_hand([{}], [])
    assert nothing == {name: -1 if '(L)' in name else 0 for name in UNDEFINED}
    assert by_hand([], [(1, 1, 1, 0.5)]) == UNDEFINED
    assert by_hand([], []) == UNDEFINED


def test_intervals_of_what_is_always_right_or_undefined(by_hand):
    people, found = [dict(image_id=i) for i in (1, 2, 3)], [(i, 100, 100, 0.9) for i in (1, 2, 3)]
    metrics = by_hand(people, found, (1, 2, 3), bootstrap=50)
    assert metrics['coco/AP_low'] == metrics['coco/AP_high'] == pytest.approx(1)
    assert metrics['coco/AP (L)_low'] == metrics['coco/AP (L)_high'] == -1


@pytest.fixture
def truth():
    """Three units: two people in the first, nobody in the second, a crowd and a person of another size in the third."""
    person = dict(category_id=1, bbox=[0, 0, 1, 1], area=2500, keypoints=[1, 1, 2])
    people = [dict(image_id=5), dict(image_id=5), dict(image_id=9, iscrowd=1), dict(image_id=9, area=10)]
    annotations = [person | one | dict(id=i) for i, one in enumerate(people)]
    return arrange(dict(images=[dict(id=i) for i in (9, 7, 5)], annotations=annotations), 'here')


def test_pairs_are_those_of_a_unit(truth):
    units = np.array([0, 0, 1, 2])
    found, people = pairs(units, truth)
    assert found.tolist() == [0, 0, 1, 1, 3, 3] and people.tolist() == [0, 1, 0, 1, 2, 3]
    assert [one.tolist() for one in pairs(units[:0], truth)] == [[], []]


def test_who_is_ignored(truth):
    # a person of 10 px^2 is neither medium nor large, one of 2500 not large
    assert ignored_people(truth).tolist() == [[False, False, True]] * 2 + [[True] * 3] + [[False, True, True]]
    partners = np.full((2, 3, len(THRESHOLDS)), -1)
    partners[0, :, 0] = 2
    ignored = ignored_detections(partners, truth, np.array([2500.0, 100.0]))
    assert ignored[0, :, 0].all() and ignored[0, :, 1].tolist() == [False, False, True]
    assert ignored[1, :, 0].tolist() == [False, True, True]


def test_partners(truth):
    units = np.array([0, 0, 2, 2])
    similarities = np.array([0.6, 0.8, 0.9, 0.7, 0.7, 0.5, 0.9, 0.4])
    partners = match(pairs(units, truth), similarities, truth, units)[:, 0]
    at = {round(t, 2): i for i, t in enumerate(THRESHOLDS)}
    assert partners[:, at[0.5]].tolist() == [
        1,
        0,
        3,
        2,
    ]  # the person before the crowd, though the crowd is more similar
    assert partners[:, at[0.6]].tolist() == [1, 0, 2, 2]  # a crowd any number of times
    assert partners[:, at[0.8]].tolist() == [1, 0, -1, 2]
    assert partners[:, at[0.85]].tolist() == [-1, 0, -1, 2]
    assert partners[:, at[0.95]].tolist() == [-1] * 4


def test_partners_at_a_lower_threshold(truth):
    units, similarities = np.array([0, 0]), np.array([0.1, 0.2, 0.3, 0.15])
    partners = match(pairs(units, truth), similarities, truth, units, np.array([0.1, 0.25]))
    assert partners.shape == (2, 3, 2) and partners[:, 0].tolist() == [[1, -1], [0, 0]]
    assert match(pairs(units, truth), similarities, truth, units)[:, 0].max() == -1
