"""Pictures and JSON of points: ellipses where they belong, numbers that can be read back."""

import json

import numpy as np
import pytest

from hybridkp.inference.point_picture import BRIGHT, draw_points, points_as_json

POINTS = np.array([[20.0, 15.0], [40.0, 30.0]])
COVARIANCES = np.array([[[36.0, 0], [0, 9]], [[4.0, 0], [0, 4]]])


def test_ellipses_lie_around_their_points():
    image = np.full((50, 60, 3), 128, np.uint8)
    drawn = draw_points(image, POINTS, COVARIANCES, np.array([BRIGHT, BRIGHT]), zoom=2)
    assert drawn.shape == (100, 120, 3) and (image == 128).all()
    rows, columns = np.nonzero((drawn != 128).any(axis=2))
    x, y = (columns + 0.5) / 2 - 0.5, (rows + 0.5) / 2 - 0.5
    near = np.hypot(x - 40, y - 30) < 5
    assert (x[~near].min(), x[~near].max()) == pytest.approx((14, 26), abs=1.5)
    assert (y[~near].min(), y[~near].max()) == pytest.approx((12, 18), abs=1.5)
    assert np.hypot(x[near] - 40, y[near] - 30).max() == pytest.approx(2, abs=1.8)


def test_no_points_are_no_drawing():
    image = np.full((50, 60, 3), 128, np.uint8)
    none = draw_points(image, POINTS[:0], COVARIANCES[:0], np.zeros((0, 3)))
    assert np.array_equal(none, image)


def test_json_has_all_of_a_point():
    content = json.loads(points_as_json('a.jpg', (50, 60), POINTS, np.array([-0.25, 0.5]), COVARIANCES))
    assert (content['image'], content['width'], content['height']) == ('a.jpg', 60, 50)
    first = content['points'][0]
    assert first == dict(
        x=20.0, y=15.0, score=-0.25, covariance=[36.0, 0.0, 9.0], sigma_major=6.0, sigma_minor=3.0, angle_deg=0.0
    )
    assert json.loads(points_as_json('a', (5, 5), POINTS[:0], np.zeros(0), COVARIANCES[:0]))['points'] == []
