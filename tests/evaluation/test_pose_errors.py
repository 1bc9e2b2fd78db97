"""Poses of three keypoints, a nose and two hands, whose errors are plain to see.

With sigmas of 0.1 and areas of 2500 px^2 the similarity is exp(-d^2 / 200): 0.85 at 5.7 px, 0.5 at 11.8 px.
"""

import numpy as np
import pytest

from hybridkp.evaluation.coco_detections import CocoDetections
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_truth import arrange
from hybridkp.evaluation.pose_errors import KINDS, classify, gains

FLIP = [0, 2, 1]
SIGMAS = np.full(3, 0.1)
NOSE, LEFT, RIGHT = (100, 100), (150, 100), (50, 100)
FAR = (100, 300)


def person(shift=(0, 0), area=2500, visible=(2, 2, 2), crowd=0):
    points = np.array([NOSE, LEFT, RIGHT]) + shift
    keypoints = np.column_stack((points, visible)).ravel().tolist()
    return dict(image_id=1, category_id=1, bbox=[0, 0, 50, 50], area=area, iscrowd=crowd, keypoints=keypoints)


def evaluation(people, poses):
    """Evaluate poses (K, 2), the most certain first, of people in one image."""
    annotations = [dict(one, id=i) for i, one in enumerate(people, 1)]
    truth = arrange(dict(images=[dict(id=1)], annotations=annotations, categories=[dict(id=1)]), 'here')
    count = len(poses)
    detections = CocoDetections(
        images=np.zeros(count, dtype=int),
        categories=np.zeros(count, dtype=int),
        keypoints=np.array(poses, dtype=float),
        keypoint_scores=np.ones((count, 3)),
        scores=np.linspace(1, 0.5, count),
        boxes=np.tile([0.0, 0.0, 50.0, 50.0], (count, 1)),
        sides=np.full((count, 2), 50.0),
    )
    return evaluate(detections, truth, SIGMAS)


def kinds(people, poses):
    return [
        [KINDS[kind] if kind >= 0 else None for kind in row] for row in classify(evaluation(people, poses), FLIP).kinds
    ]


def similarity(distance, area=2500):
    return np.exp(-(distance**2) / (2 * area * 0.04))


@pytest.mark.parametrize(
    'left, expected',
    [
        (LEFT, 'good'),
        ((155, 100), 'good'),
        ((158, 100), 'jitter'),
        ((150, 111), 'jitter'),
        ((150, 112), 'miss'),
        (FAR, 'miss'),
        (RIGHT, 'inversion'),
        ((50, 111), 'inversion'),
        ((50, 112), 'miss'),
        (NOSE, 'miss'),  # near another part of the same person that cannot be confused
    ],
)
def test_errors_of_one_person(left, expected):
    assert kinds([person()], [[NOSE, left, RIGHT]]) == [['good', expected, 'good']]


def test_left_and_right_exchanged():
    assert kinds([person()], [[NOSE, RIGHT, LEFT]]) == [['good', 'inversion', 'inversion']]


@pytest.mark.parametrize(
    'place, expected',
    [((450, 100), 'swap'), ((350, 100), 'swap'), ((400, 100), 'miss'), ((450, 111), 'swap'), ((450, 112), 'miss')],
)
def test_near_somebody_else(place, expected):
    """Another person stands 300 px to the right: left hand at 450, right hand at 350, nose at 400."""
    people = [person(), person((300, 0))]
    errors = classify(evaluation(people, [[NOSE, place, RIGHT]]), FLIP)
    assert KINDS[errors.kinds[0, 1]] == expected
    assert errors.partners.tolist() == [0]
    assert errors.wrong.tolist() == [[-1, 1 if expected == 'swap' else -1, -1]]


def test_a_nose_can_be_swapped_but_not_inverted():
    assert kinds([person(), person((300, 0))], [[(400, 100), LEFT, RIGHT]]) == [['swap', 'good', 'good']]


def test_size_is_that_of_the_person_who_is_approached():
    """20 px are near for somebody of 10,000 px^2 (0.61), and far for one of 2500 px^2 (0.14)."""
    pose = [[NOSE, (450, 120), RIGHT]]
    assert kinds([person(), person((300, 0), area=10000)], pose)[0][1] == 'swap'
    assert kinds([person(area=10000), person((300, 0))], pose)[0][1] == 'miss'


@pytest.mark.parametrize('x, expected', [(53, 'inversion'), (57, 'swap')])
def test_the_more_similar_one_decides_between_inversion_and_swap(x, expected):
    """The own right hand is at 50, the other person's left one at 60."""
    people = [person(), person((-90, 0))]
    errors = classify(evaluation(people, [[NOSE, (x, 100), RIGHT]]), FLIP)
    assert KINDS[errors.kinds[0, 1]] == expected
    assert errors.wrong[0, 1] == (0 if expected == 'inversion' else 1)


def test_near_the_true_place_nothing_else_matters():
    assert kinds([person(), person((8, 0))], [[NOSE, (158, 100), RIGHT]])[0][1] == 'jitter'


def test_what_is_not_labelled_has_no_error_and_confuses_nobody():
    assert kinds([person(visible=(2, 2, 0))], [[NOSE, LEFT, FAR]]) == [['good', 'good', None]]
    assert kinds([person(visible=(2, 2, 0))], [[NOSE, RIGHT, RIGHT]]) == [['good', 'miss', None]]
    assert kinds([person(), person((300, 0), visible=(2, 0, 2))], [[NOSE, (450, 100), RIGHT]])[0][1] == 'miss'


def test_only_those_who_are_found_have_errors():
    assert kinds([person()], [[FAR, FAR, FAR]]) == [[None] * 3]
    assert kinds([person()], [[NOSE, FAR, FAR]]) == [['good', 'miss', 'miss']]  # a third is enough
    assert kinds([person()], [[NOSE, LEFT, RIGHT]] * 2) == [['good'] * 3, [None] * 3]
    assert kinds([person(crowd=1)], [[NOSE, LEFT, RIGHT]]) == [[None] * 3]
    assert kinds([], [[NOSE, LEFT, RIGHT]]) == [[None] * 3]
    assert kinds([person()], np.zeros((0, 3, 2))) == []


def test_counts():
    poses = [[NOSE, RIGHT, LEFT], [(408, 100), (450, 100), (100, 300)]]
    errors = classify(evaluation([person(), person((300, 0))], poses), FLIP)
    found = {kind: row.tolist() for kind, row in zip(KINDS, errors.counts, strict=True)}
    assert found == dict(good=[1, 1, 0], jitter=[1, 0, 0], inversion=[0, 1, 1], swap=[0, 0, 0], miss=[0, 0, 1])


def test_corrections():
    people = [person(), person((300, 0))]
    given = evaluation(people, [[(100, 108), (53, 104), (452, 101)]])
    errors = classify(given, FLIP)
    assert [KINDS[kind] for kind in errors.kinds[0]] == ['jitter', 'inversion', 'swap']
    left = np.hypot(*(errors.corrected[0] - [NOSE, LEFT, RIGHT]).T)
    assert similarity(left[0]) == pytest.approx(0.85) and similarity(left[0]) >= 0.85
    assert left[1] == pytest.approx(5) and left[2] == pytest.approx(np.hypot(2, 1))  # as far as from the wrong one
    assert errors.corrected[0, 0] == pytest.approx([100, 100 + left[0]])  # towards the true place
    missed = classify(evaluation(people, [[NOSE, FAR, RIGHT]]), FLIP)
    assert similarity(np.hypot(*(missed.corrected[0, 1] - LEFT))) == pytest.approx(0.5)
    assert (missed.corrected[0, [0, 2]] == [NOSE, RIGHT]).all()


def test_gains_on_paper():
    """Three keypoints 8 px off have a similarity of 0.726: found at 0.5 to 0.7; corrected to 0.85, at 0.5 to 0.85."""
    given = evaluation([person()], [[(100, 108), (150, 108), (50, 108)]])
    found = gains(given, classify(given, FLIP))
    assert given.accumulation.measures()['AP'] == pytest.approx(0.5)
    assert found['jitter']['AR'] == found['all']['AR'] == pytest.approx(0.3)
    assert (found['jitter']['AP'], found['jitter']['AP .75'], found['jitter']['AP .5']) == pytest.approx((0.3, 1, 0))
    assert np.isnan(found['jitter']['AP (L)'])
    assert {name: found[name]['AP'] for name in ('inversion', 'swap', 'miss')} == dict(inversion=0, swap=0, miss=0)


def test_gains_of_an_inversion():
    """A good nose alone is a similarity of a third: the person is not found at all; without the inversion, always."""
    given = evaluation([person()], [[NOSE, RIGHT, LEFT]])
    found = gains(given, classify(given, FLIP))
    assert found['inversion']['AP'] == found['all']['AP'] == pytest.approx(1) and found['miss']['AP'] == 0


@pytest.mark.parametrize('seed', range(3))
def test_corrections_only_help(coco_eval, seed):
    """Whatever is wrong with random poses of a person an image: nothing is worse, and nothing is far any more."""
    generator = np.random.default_rng(seed)
    for _ in range(20):
        pose = np.array([NOSE, LEFT, RIGHT])[generator.permutation(3)] + generator.normal(0, 8, (3, 2))
        given = evaluation([person()], [pose])
        errors = classify(given, FLIP)
        assert all(value >= 0 or np.isnan(value) for one in gains(given, errors).values() for value in one.values())
        again = classify(given.moved(errors.corrected), FLIP)
        assert set(again.kinds.ravel().tolist()) <= {-1, 0, 1}
        assert ((again.kinds < 0) == (errors.kinds < 0)).all()
