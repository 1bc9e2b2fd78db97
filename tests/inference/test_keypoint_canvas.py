"""Drawing: what is drawn lies where it should."""

import numpy as np
import pytest

from hybridkp.inference.keypoint_canvas import KeypointCanvas

RED = np.array([[255, 0, 0]], dtype=np.uint8)


def painted(canvas: KeypointCanvas, color: tuple[int, int, int]) -> np.ndarray:
    """Return the (x, y) of all pixels of a BGR colour."""
    return np.argwhere((canvas.image == color).all(axis=-1))[:, ::-1]


def test_the_canvas_is_enlarged():
    assert KeypointCanvas(np.zeros((20, 30, 3), np.uint8), zoom=2).image.shape == (40, 60, 3)


@pytest.mark.parametrize('zoom', [1, 2, 4])
def test_a_prediction_is_centred_on_its_point(zoom):
    canvas = KeypointCanvas(np.zeros((64, 64, 3), np.uint8), zoom)
    canvas.predictions(np.array([[20.0, 30.0]]), np.eye(2)[None] * 64, np.array([True]), RED)
    centre = (painted(canvas, (0, 0, 255)).mean(axis=0) + 0.5) / zoom - 0.5
    assert np.allclose(centre, (20, 30), atol=0.5)


def test_an_ellipse_is_as_long_and_as_inclined_as_its_covariance():
    canvas = KeypointCanvas(np.zeros((200, 200, 3), np.uint8))
    direction = np.array([3.0, 4.0]) / 5
    covariance = 60.0**2 * np.outer(direction, direction) + 10.0**2 * np.eye(2)
    canvas.predictions(np.array([[100.0, 100.0]]), covariance[None], np.array([True]), RED)
    points = np.argwhere(canvas.image[..., 2] > 100)[:, ::-1] - 100.0
    along, across = points @ direction, points @ np.array([-direction[1], direction[0]])
    assert along.max() == pytest.approx(np.hypot(60, 10), abs=2)
    assert across.max() == pytest.approx(10, abs=2)


def test_what_is_not_shown_is_not_drawn():
    canvas = KeypointCanvas(np.zeros((64, 64, 3), np.uint8))
    hidden = np.array([False])
    points = np.array([[20.0, 30.0]])
    canvas.labels(points, hidden, RED)
    canvas.predictions(points, np.eye(2)[None], hidden, RED)
    canvas.links(np.array([[1.0, 1.0], [50.0, 50.0]]), np.array([True, False]), [(0, 1)])
    assert not canvas.image.any()


def test_labels_are_crosses_and_links_lines():
    canvas = KeypointCanvas(np.zeros((64, 64, 3), np.uint8))
    canvas.labels(np.array([[20.0, 30.0]]), np.array([True]), RED)
    for y, x in ((30, 25), (25, 20), (30, 16)):
        blue, green, red = canvas.image[y, x].astype(int)
        assert red > 200 and blue < 60 and green < 60
    canvas.links(np.array([[5.0, 50.0], [60.0, 50.0]]), np.array([True, True]), [(0, 1)])
    assert canvas.image[50, 40].min() > 150 and not canvas.image[40, 40].any()


def test_a_caption_is_added_below():
    canvas = KeypointCanvas(np.zeros((64, 100, 3), np.uint8))
    canvas.caption('a long caption that has to be made smaller to fit')
    assert canvas.image.shape == (88, 100, 3)
    assert (canvas.image[64:] < 128).any() and (canvas.image[64:, -5:] == 255).all()
