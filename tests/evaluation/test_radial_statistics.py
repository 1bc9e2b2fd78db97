"""Statistics of radial errors: numbers that fit on paper, and intervals against closed forms."""

import numpy as np
import pytest

from hybridkp.evaluation.radial_statistics import detection_rates, intervals, mean_and_deviation, radial

NAN = float('nan')


def test_lengths_in_px_and_in_mm():
    vectors = np.array([[3.0, 4.0], [-6.0, 8.0], [NAN, NAN], [np.inf, np.inf]])
    np.testing.assert_array_equal(radial(vectors), [5, 10, NAN, np.inf])
    np.testing.assert_allclose(radial(vectors[:2], np.array([1.0, 0.0])), [3, 6])
    np.testing.assert_allclose(radial(vectors, np.array([0.5, 2.0]))[:2], [np.hypot(1.5, 8), np.hypot(3, 16)])


def test_mean_and_deviation_leave_out_what_is_not_finite():
    assert mean_and_deviation(np.array([[1.0, 2.0], [NAN, 3.0], [np.inf, NAN]])) == (2, 1)
    np.testing.assert_equal(mean_and_deviation(np.array([7.0])), (7, NAN))
    np.testing.assert_equal(mean_and_deviation(np.array([NAN])), (NAN, NAN))


def test_a_threshold_belongs_to_what_is_detected():
    errors = np.array([1.0, 2.0, 2.001, 4.0, NAN])
    assert detection_rates(errors, (0.5, 2, 2.5, 4)) == [0, 50, 75, 100]
    three_tenths = radial(np.array([[0.0, 3.0]]), np.array([0.1, 0.1]))
    assert three_tenths[0] > 0.3 and detection_rates(three_tenths, (0.3,)) == [100]
    np.testing.assert_equal(detection_rates(np.array([NAN]), (2, 3)), [NAN, NAN])


def test_intervals_of_equal_errors_have_no_width():
    np.testing.assert_allclose(intervals(np.full((5, 3), 2.0), (1, 2), 200, 0), [[2, 2], [0, 0], [100, 100]])


def test_intervals_of_normal_errors_are_those_of_the_normal_distribution():
    errors = 10 + np.random.default_rng(1).normal(0, 2, (400, 1))
    (low, high), (rate_low, rate_high) = intervals(errors, (10,), 4000, 0)
    half = 1.96 * errors.std() / 20
    assert (low, high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=0.05 * half)
    rate = 100 * (errors <= 10).mean()
    half = 1.96 * np.sqrt(rate * (100 - rate)) / 20
    assert (rate_low, rate_high) == pytest.approx((rate - half, rate + half), abs=0.08 * half)


def test_whole_images_are_drawn():
    """The 25 landmarks of an image have one error: of 100 images there are 100 independent errors, not 2500."""
    by_image = np.random.default_rng(2).normal(5, 1, (100, 1))
    alone = intervals(by_image, (), 2000, 0)
    np.testing.assert_allclose(intervals(by_image.repeat(25, axis=1), (), 2000, 0), alone)
    narrow = intervals(by_image.repeat(25, axis=1).reshape(-1, 1), (), 2000, 0)
    images = np.repeat(np.arange(len(by_image)), 25)  # instances of one image are drawn together
    np.testing.assert_allclose(intervals(by_image.repeat(25, axis=0), (), 2000, 0, images), alone)
    assert np.diff(alone) == pytest.approx(5 * np.diff(narrow), rel=0.1)


def test_images_count_by_their_landmarks():
    """The mean of a draw is over its landmarks: with (1, -), (4, 4) the draws have the means 1, 3 and 4."""
    (bounds,) = intervals(np.array([[1.0, NAN], [4.0, 4.0]]), (), 1000, 0)
    assert bounds.tolist() == [1, 4]
    errors = np.array([[1.0, NAN], [4.0, 4.0], [NAN, np.inf]])
    np.testing.assert_array_equal(intervals(errors, (), 1000, 0), [bounds])


@pytest.mark.parametrize('errors, draws', [([[1.0, 2.0]], 100), ([[1.0], [NAN]], 100), ([[1.0], [2.0]], 0)])
def test_no_interval_of_one_image_or_without_draws(errors, draws):
    np.testing.assert_array_equal(intervals(np.array(errors), (2,), draws, 0), np.full((2, 2), NAN))


def test_draws_depend_on_the_seed_alone():
    errors = np.random.default_rng(3).normal(5, 1, (20, 4))
    first, second, other = (intervals(errors, (5,), 100, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
