"""Repeatability on paper, its symmetries, and the suppression against a plain one."""

import numpy as np
import pytest

from hybridkp.evaluation.repeatability import (
    correspondences,
    is_shared,
    map_points,
    mean_interval,
    measure_repeatability,
    strongest_apart,
)

EYE = np.eye(3)


def shift(x, y):
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def test_points_behind_the_horizon_are_not_finite():
    homography = np.array([[1.0, 0, 0], [0, 1, 0], [-0.1, 0, 1]])
    found = map_points(np.array([[5.0, 1], [10.0, 1], [12.0, 1]]), homography)
    assert found[0].tolist() == [10, 2] and np.isnan(found[1:]).all()
    np.testing.assert_allclose(map_points([[5.0, 1]], -homography), [[10, 2]])  # a homography has no sign


def test_on_paper():
    first = np.array([[10.0, 10], [20, 20], [30, 30], [40, 40]])
    second = first[:3] + [[5, 0], [5 + 2.9, 0], [5, 3.1]]
    found = measure_repeatability(first, second, shift(5, 0), 3.0)
    assert found.repeatability == 2 / 3 and found.correspondences == 2 and found.points == (4, 3)
    assert found.localisation == pytest.approx(2.9 / 2)


def test_each_point_corresponds_once():
    first = np.array([[10.0, 10], [11, 10], [12, 10]])
    assert correspondences(first, np.array([[10.9, 10.0]]), EYE, 3.0).tolist() == pytest.approx([0.1])
    assert len(correspondences(first, first, EYE, 3.0)) == 3


def test_a_view_is_the_same_backwards():
    generator = np.random.default_rng(0)
    first, second = generator.uniform(0, 100, (2, 60, 2))
    there = measure_repeatability(first, second, shift(3, -2), 3.0)
    back = measure_repeatability(second, first, shift(-3, 2), 3.0)
    assert there.correspondences == back.correspondences > 0
    assert there.localisation == pytest.approx(back.localisation)


def test_chance_is_what_areas_say():
    generator = np.random.default_rng(0)
    first, second = generator.uniform(0, 400, (2, 400, 2))
    found = measure_repeatability(first, second, EYE, 3.0).repeatability
    assert found == pytest.approx(400 / 400**2 * np.pi * 9, rel=0.35)


def test_without_points():
    none, one = np.zeros((0, 2)), np.zeros((1, 2))
    for first, second in ((none, none), (none, one), (one, none)):
        found = measure_repeatability(first, second, EYE, 3.0)
        assert found.repeatability == 0 and found.correspondences == 0 and np.isnan(found.localisation)


def test_shared_points_on_paper():
    points = np.array([[0.0, 0], [10, 5], [19.5, 9.5], [19.6, 5], [3, 9]])
    sizes = (10, 20), (10, 20)
    assert is_shared(points, EYE, sizes).tolist() == [True, True, True, False, True]
    assert is_shared(points, shift(0, 4), sizes).tolist() == [True, True, False, False, False]
    assert is_shared(points, EYE, sizes, 2).tolist() == [False, True, False, False, False]
    assert is_shared(points, EYE, ((10, 20), (6, 20))).tolist() == [True, True, False, False, False]


def plainly_apart(points, scores, radius, count):
    kept = []
    for index in np.argsort(-scores, kind='stable'):
        if all(np.hypot(*(points[index] - points[other])) >= radius for other in kept):
            kept.append(index)
    return kept[:count]


@pytest.mark.parametrize(('radius', 'count'), [(0, 50), (3, 1000), (8, 20), (30, 5)])
def test_the_strongest_apart_are_those_of_a_plain_loop(radius, count):
    generator = np.random.default_rng(1)
    points, scores = generator.uniform(-20, 80, (300, 2)), generator.integers(0, 40, 300).astype(float)
    assert strongest_apart(points, scores, radius, count).tolist() == plainly_apart(points, scores, radius, count)
    assert strongest_apart(points[:0], scores[:0], radius, count).tolist() == []


def test_intervals():
    values = np.random.default_rng(0).normal(50, 10, 400)
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(values.mean()) and low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(np.array([3.0, np.nan, 5.0]))[0] == 4
    assert mean_interval(np.array([3.0]))[0] == 3 and np.isnan(mean_interval(np.array([3.0]))[1])
    assert np.isnan(mean_interval(np.array([np.nan]))).all()
