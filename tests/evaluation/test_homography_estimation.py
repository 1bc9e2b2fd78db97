"""Descriptors, matches and homographies on real images, and errors on paper."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridkp.evaluation.homography_estimation import (
    area_under_curve,
    corner_error,
    describe,
    dominant_angles,
    estimate_homography,
    match,
)
from hybridkp.evaluation.repeatability import map_points

IMAGE = cv2.imread(str(Path(__file__).parents[1] / 'data/coco/val2017/000000000885.jpg'))
TURN = cv2.getRotationMatrix2D((320, 213), 35, 1.1)


def corners(image, count=200):
    found = cv2.goodFeaturesToTrack(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), count, 0.001, 4)
    return found.reshape(-1, 2).astype(float)


def test_angles_turn_with_the_image():
    grey = cv2.cvtColor(IMAGE, cv2.COLOR_BGR2GRAY)
    points = np.array([[300.0, 200], [330, 230], [280, 250], [350, 180]])
    turned = cv2.warpAffine(grey, TURN, grey.shape[::-1])
    before = dominant_angles(grey, points)
    after = dominant_angles(turned, cv2.transform(points[None], TURN)[0])
    change = np.degrees(np.angle(np.exp(1j * (after - before))))
    # OpenCV turns against the angle from x to y
    assert np.abs(change + 35).max() < 15 and np.median(np.abs(change + 35)) < 5


def test_a_bright_side_is_the_direction():
    grey = np.zeros((60, 60), np.uint8)
    grey[30:] = 200
    assert dominant_angles(grey, np.array([[30.0, 30.0]]))[0] == pytest.approx(np.pi / 2, abs=0.01)


def test_the_homography_of_a_turned_image_is_found():
    turned = cv2.warpAffine(IMAGE, TURN, IMAGE.shape[1::-1])
    first, second = corners(IMAGE), corners(turned)
    descriptors = describe(IMAGE, first), describe(turned, second)
    assert descriptors[0].shape == (len(first), 128) and descriptors[0].dtype == np.uint8
    matches = match(*descriptors)
    truth = np.vstack((TURN, [0, 0, 1]))
    distance = np.linalg.norm(map_points(first[matches[:, 0]], truth) - second[matches[:, 1]], axis=1)
    assert len(matches) > 50 and (distance < 3).mean() > 0.3
    found = estimate_homography(first[matches[:, 0]], second[matches[:, 1]])
    assert corner_error(found, truth, IMAGE.shape[:2]) < 3
    again = estimate_homography(first[matches[:, 0]], second[matches[:, 1]])
    assert np.array_equal(found, again)  # it draws the same each time


def test_too_few_or_useless_matches():
    assert estimate_homography(np.zeros((3, 2)), np.zeros((3, 2))) is None
    line = np.stack((np.arange(10.0), np.arange(10.0)), axis=1)
    assert corner_error(estimate_homography(line, line), np.eye(3), (100, 100)) >= 0
    assert corner_error(None, np.eye(3), (10, 10)) == np.inf
    assert corner_error(np.full((3, 3), np.nan), np.eye(3), (10, 10)) == np.inf
    none = describe(IMAGE, np.zeros((0, 2)))
    assert none.shape == (0, 128) and match(none, none).shape == (0, 2)


def test_corner_error_on_paper():
    shifted = np.array([[1.0, 0, 3], [0, 1, 4], [0, 0, 1]])
    assert corner_error(shifted, np.eye(3), (100, 200)) == pytest.approx(5)
    assert corner_error(7 * shifted, shifted, (100, 200)) == pytest.approx(0)


def test_areas_on_paper():
    errors = np.array([0.0, 1.0, 2.0, 10.0, np.inf])
    assert area_under_curve(errors, 4.0) == pytest.approx((1 + 0.75 + 0.5) / 5)
    steps = np.linspace(0, 4, 40001)
    curve = (errors[None] <= steps[:, None]).mean(axis=1)
    assert area_under_curve(errors, 4.0) == pytest.approx(curve.mean(), abs=1e-4)
    assert np.isnan(area_under_curve(np.zeros(0), 1.0))
