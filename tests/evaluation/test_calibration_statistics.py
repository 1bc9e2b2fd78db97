"""Statistics of covariances: numbers that fit on paper, closed forms, and what Gaussian errors must give."""

import numpy as np
import pytest

from hybridkp.evaluation.calibration_statistics import (
    areas,
    axis_angles,
    axis_ratios,
    calibrated_band,
    calibration_error,
    coverages,
    isotropic,
    log_losses,
    rank_correlation,
    reader_scatter,
    risk_area,
    risk_coverage,
    sizes,
    squared_distances,
    summary,
    weighted_angle,
)

NAN = float('nan')
OBLIQUE = np.array([[5.0, 3.0], [3.0, 5.0]])
"""Axes along the diagonals, variances 8 and 2."""
LEVELS = (0.5, 0.68, 0.9, 0.95)


def gaussian(count, seed=0):
    """Draw covariances of any size and direction, and errors that they are true of."""
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(count, 2, 2)) + np.eye(2)
    covariances = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(2)
    vectors = (np.linalg.cholesky(covariances) @ generator.normal(size=(count, 2, 1)))[..., 0]
    return vectors, covariances


def test_one_landmark_on_paper():
    """Along the long axis (2, 2) is one sigma away: 8 / 8; along the short one (1, -1) is one as well: 2 / 2."""
    vectors = np.array([[2.0, 2.0], [1.0, -1.0], [4.0, 4.0], [NAN, NAN]])
    covariances = np.broadcast_to(OBLIQUE, (4, 2, 2))
    np.testing.assert_allclose(squared_distances(vectors, covariances), [1, 1, 4, NAN])
    np.testing.assert_allclose(areas(OBLIQUE), 4 * np.pi)
    np.testing.assert_allclose(sizes(OBLIQUE), np.sqrt(10))
    np.testing.assert_array_equal(isotropic(OBLIQUE), [[5, 0], [0, 5]])
    loss = 0.5 * np.log(np.linalg.det(2 * np.pi * OBLIQUE))
    np.testing.assert_allclose(log_losses(vectors, covariances), loss + np.array([0.5, 0.5, 2, NAN]))


def test_coverages_on_paper():
    """Half of all errors are within sqrt(2 ln 2) = 1.177 sigma, 95 % within sqrt(5.991) = 2.448 sigma."""
    distances = np.array([1.17, 1.18, 2.44, 2.45, NAN]) ** 2
    assert coverages(distances, (0.5, 0.95)) == [25, 75]
    np.testing.assert_equal(coverages(np.array([NAN]), (0.5, 0.95)), [NAN, NAN])


def test_calibration_error_on_paper():
    """Predictions without errors cover all: the mean of 95, 90 ... 5 is 50; distances at the 20-quantiles' middles."""
    assert calibration_error(np.zeros(3)) == pytest.approx(50)
    assert calibration_error(np.full(3, np.finfo(float).max)) == pytest.approx(50)
    middles = -2 * np.log1p(-(np.arange(20) + 0.5) / 20)
    assert calibration_error(middles) == pytest.approx(0, abs=1e-9)
    assert np.isnan(calibration_error(np.array([NAN])))


def test_gaussian_errors_are_calibrated():
    vectors, covariances = gaussian(20000)
    measured = summary(vectors, covariances, LEVELS)
    for level, name in zip(LEVELS, ('coverage_50', 'coverage_68', 'coverage_90', 'coverage_95'), strict=True):
        assert measured[name] == pytest.approx(100 * level, abs=3 * 100 * np.sqrt(level * (1 - level) / 20000))
    assert measured['ECE'] < 0.6
    # the entropy of the Gaussians: the squared distance is 2 in the mean
    entropy = 1 + 0.5 * np.log(np.linalg.det(2 * np.pi * covariances))
    assert measured['NLL'] == pytest.approx(entropy.mean(), abs=0.03)
    assert measured['area'] == pytest.approx(np.pi * np.sqrt(np.linalg.det(covariances)).mean())
    assert list(measured) == ['coverage_50', 'coverage_68', 'coverage_90', 'coverage_95', *list(measured)[4:]]
    assert list(measured)[4:] == ['NLL', 'ECE', 'area', 'correlation', 'AURC']


@pytest.mark.parametrize('factor', [0.5, 2])
def test_covariances_of_a_wrong_scale_have_a_closed_form(factor):
    """Of sigmas `factor` times too large a share 1 - (1 - p)^(factor^2) is covered."""
    vectors, covariances = gaussian(20000)
    distances = squared_distances(vectors, factor**2 * covariances)
    expected = 1 - (1 - np.array(LEVELS)) ** factor**2
    np.testing.assert_allclose(coverages(distances, LEVELS), 100 * expected, atol=1.1)
    steps = np.arange(1, 20) / 20
    error = 100 * np.abs(1 - (1 - steps) ** factor**2 - steps).mean()
    assert calibration_error(distances) == pytest.approx(error, abs=0.6)
    # the squared distance shrinks to 2 / factor^2, the determinant grows by factor^4
    more = log_losses(vectors, factor**2 * covariances).mean() - log_losses(vectors, covariances).mean()
    assert more == pytest.approx(1 / factor**2 - 1 + 2 * np.log(factor), abs=0.03)


def test_turning_nothing_but_a_covariance_is_seen():
    vectors, covariances = gaussian(20000)
    turned = covariances[:, ::-1, ::-1] * np.array([[1, -1], [-1, 1]])
    assert log_losses(vectors, covariances).mean() < log_losses(vectors, isotropic(covariances)).mean()
    assert log_losses(vectors, isotropic(covariances)).mean() < log_losses(vectors, turned).mean()


def test_rank_correlation():
    """Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5 over sqrt(4.5 * 5)."""
    assert rank_correlation(np.array([1.0, 5, 5, 6]), np.array([0.0, 1, 8, 9])) == pytest.approx(np.sqrt(0.9))
    assert rank_correlation(np.array([1.0, 2, 3, NAN]), np.array([9.0, 4, 1, 0])) == pytest.approx(-1)
    assert np.isnan(rank_correlation(np.array([1.0, 1]), np.array([1.0, 2])))
    assert np.isnan(rank_correlation(np.array([NAN]), np.array([1.0])))


def test_risk_of_four_landmarks_on_paper():
    """Errors 1, 3, 2, 6, in that order of certainty: the risks are 1, 2, 2 and 3."""
    errors, order = np.array([[6.0, 1.0, NAN], [3.0, 2.0, 9.0]]), np.array([[0.9, 0.1, 0.5], [0.2, 0.3, NAN]])
    kept, risk = risk_coverage(errors, order)
    np.testing.assert_allclose(kept, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [1, 2, 2, 3])
    assert risk_area(errors, order) == pytest.approx(2)
    # the best order is 1, 2, 3, 6, with the risks 1, 1.5, 2 and 3, and the worst 6, 4.5, 11 / 3, 3
    assert risk_area(errors[:, :2], errors[:, :2]) == pytest.approx(7.5 / 4)
    assert risk_area(errors[:, :2], -errors[:, :2]) == pytest.approx((13.5 + 11 / 3) / 4)
    assert np.isnan(risk_area(errors, np.full((2, 3), NAN)))


def test_equal_uncertainties_are_in_no_order():
    errors = np.array([1.0, 2.0, 3.0, 6.0])
    assert risk_area(errors, np.zeros(4)) == pytest.approx(3)
    # first the 2, then 1, 3 and 6 in all six orders
    orders = [(2, 1, 3, 6), (2, 1, 6, 3), (2, 3, 1, 6), (2, 3, 6, 1), (2, 6, 1, 3), (2, 6, 3, 1)]
    mean = np.mean([np.cumsum(order) / np.arange(1, 5) for order in orders], axis=0)
    np.testing.assert_allclose(risk_coverage(errors, np.array([1, 0, 1, 1]))[1], mean)


def test_band_of_independent_landmarks_is_that_of_the_binomial_distribution():
    levels = np.array([0.1, 0.5, 0.9])
    distances = squared_distances(*gaussian(900)).reshape(900, 1)
    low, high = calibrated_band(distances, levels, 4000, 0).T
    half = 196 * np.sqrt(levels * (1 - levels) / 900)
    np.testing.assert_allclose(low, 100 * levels - half, atol=0.45)
    np.testing.assert_allclose(high, 100 * levels + half, atol=0.45)
    np.testing.assert_allclose(calibrated_band(17 * distances, levels, 4000, 0), np.stack((low, high), axis=1))


def test_band_knows_that_an_image_has_all_its_errors_at_once():
    distances = squared_distances(*gaussian(100)).reshape(100, 1)
    alone = np.diff(calibrated_band(distances, np.array([0.5]), 2000, 0))
    assert np.diff(calibrated_band(distances.repeat(25, axis=1), np.array([0.5]), 2000, 0)) == pytest.approx(alone)
    missing = np.concatenate((distances, np.full((5, 1), NAN)))
    assert np.diff(calibrated_band(missing, np.array([0.5]), 2000, 0)) == pytest.approx(alone)
    assert np.isnan(calibrated_band(distances[:1], np.array([0.5]), 10, 0)).all()


def test_scatter_of_readers_on_paper():
    """Two readers at (0, 0) and (2, 4): their mean is (1, 2), the sum of the outer products 2 (1, 2)(1, 2)^T."""
    points = np.array([[[0.0, 0], [5, 5], [1, 1]], [[2.0, 4], [NAN, NAN], [1, 4]], [[NAN, NAN], [NAN, NAN], [1, 1]]])
    sums, freedom = reader_scatter(points)
    np.testing.assert_allclose(sums, [[[2, 4], [4, 8]], [[0, 0], [0, 0]], [[0, 0], [0, 6]]])
    assert freedom.tolist() == [1, 0, 2]
    sums, freedom = reader_scatter(np.zeros((0, 3, 2)))
    assert not sums.any() and freedom.tolist() == [0, 0, 0]


def test_scatter_over_images_finds_the_covariance():
    generator = np.random.default_rng(0)
    marks = generator.multivariate_normal((0, 0), OBLIQUE, (3000, 3, 1)) + generator.normal(0, 50, (3000, 1, 1, 2))
    sums, freedom = (sum(parts) for parts in zip(*map(reader_scatter, marks), strict=True))
    np.testing.assert_allclose(sums[0] / freedom[0], OBLIQUE, atol=0.3)


@pytest.mark.parametrize('angle', [-80, -30, 0, 10, 45, 90])
@pytest.mark.parametrize('turn, between', [(0, 0), (20, 20), (-20, 20), (90, 90), (100, 80), (180, 0)])
def test_angles_between_long_axes(angle, turn, between):
    def ellipse(degrees):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        rotation = np.array([[cos, -sin], [sin, cos]])
        return rotation @ np.diag([9.0, 1.0]) @ rotation.T

    first, second = ellipse(angle), 4 * ellipse(angle + turn)
    assert axis_angles(first, second) == pytest.approx(between, abs=1e-5)
    assert axis_ratios(second) == pytest.approx(3)
    assert axis_ratios(np.outer([0.1, 0.3], [0.1, 0.3])) == np.inf
    assert np.isnan(axis_angles(first, np.eye(2))) and np.isnan(axis_angles(first, np.full((2, 2), NAN)))


def test_mean_angle_counts_the_long_ellipses():
    """(3 * 10 + 1 * 50) / 4; a scatter without width and a circle do not count."""
    angles, ratios = np.array([10.0, 50, 90, NAN]), np.array([4.0, 2, np.inf, 1])
    assert weighted_angle(angles, ratios) == pytest.approx(20)
    assert np.isnan(weighted_angle(angles[2:], ratios[2:]))
