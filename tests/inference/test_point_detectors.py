"""Detectors behind one face: all find what is plainly there."""

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference.point_detectors import choose_detectors, classical_detectors, detect_image_blobs

NAMES = ['filters', 'sift', 'harris', 'shi-tomasi', 'fast', 'orb']


def checkerboard(cells=8, side=24):
    board = (np.indices((cells, cells)).sum(axis=0) % 2).astype(np.uint8).repeat(side, 0).repeat(side, 1)
    return cv2.GaussianBlur(60 + 140 * board, (0, 0), 1)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize('name', NAMES)
def test_points_and_scores(name):
    noise = np.random.default_rng(0).integers(0, 255, (192, 192, 3), np.uint8)
    points, scores = classical_detectors()[name](cv2.GaussianBlur(noise, (0, 0), 2))
    assert points.shape == (len(scores), 2) and points.dtype == scores.dtype == float and len(points) >= 36
    assert (points > -0.5).all() and (points < 191.5).all() and np.isfinite(scores).all()


@pytest.mark.parametrize('name', ['harris', 'shi-tomasi', 'orb'])
def test_corners_are_where_four_cells_meet(name):
    points, scores = classical_detectors()[name](checkerboard())
    best = points[np.argsort(-scores)[:20]]
    distance = np.abs((best - 23.5 + 12) % 24 - 12).max(axis=1)
    assert (distance <= (8 if name == 'orb' else 1.5)).all()


@pytest.mark.parametrize('name', NAMES)
def test_an_empty_image_has_no_points(name):
    points, scores = classical_detectors()[name](np.full((80, 100, 3), 128, np.uint8))
    assert points.shape == (0, 2) and scores.shape == (0,)


def test_bright_and_dark_blobs_of_an_image():
    image = np.full((100, 120, 3), 128, np.uint8)
    cv2.circle(image, (40, 50), 6, (250,) * 3, -1)
    cv2.circle(image, (80, 50), 9, (10,) * 3, -1)
    blobs = detect_image_blobs(image, 10, (2.0, 16.0, 3), 0.02)
    assert len(blobs.points) == 2
    by_sign = {np.sign(strength): point for strength, point in zip(blobs.strengths, blobs.points, strict=True)}
    np.testing.assert_allclose(by_sign[-1.0], [40, 50], atol=0.3)
    np.testing.assert_allclose(by_sign[1.0], [80, 50], atol=0.3)


def test_names():
    assert list(choose_detectors(['orb', 'filters'])) == ['orb', 'filters']
    assert set(NAMES) <= set(choose_detectors([]))
    with pytest.raises(InputError, match="expected a detector of filters, .* got 'surf'"):
        choose_detectors(['surf'])


def test_akaze_where_opencv_has_it():
    if 'akaze' in classical_detectors():
        assert len(classical_detectors()['akaze'](checkerboard())[0])
    else:
        with pytest.raises(InputError, match='has no AKAZE'):
            choose_detectors(['akaze'])
