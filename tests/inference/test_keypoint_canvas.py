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


def test_errors_are_lines_from_labels_to_predictions():
    canvas = KeypointCanvas(np.zeros((64, 64, 3), np.uint8))
    canvas.errors(
        np.array([[10.0, 30.0]] * 2), np.array([[50.0, 30.0]] * 2), np.array([True, False]), np.tile(RED, (2, 1))
    )
    assert all((canvas.image[30, x] == (0, 0, 255)).all() for x in (12, 30, 48))
    assert not canvas.image[:25].any() and not canvas.image[:, 56:].any()


@pytest.mark.parametrize('x', [20.0, 190.0])
def test_a_name_stays_within_the_image(x):
    canvas = KeypointCanvas(np.zeros((40, 200, 3), np.uint8))
    canvas.name(np.array([x, 2.0]), 'a name')
    written = np.argwhere(canvas.image.max(axis=-1) > 200)
    assert len(written) > 50 and 1 <= written[:, 1].min() and written[:, 1].max() <= 198 and written[:, 0].min() >= 1


@pytest.mark.parametrize('zoom, spacing, length', [(1, 0.1, 100), (0.5, 0.1, 50), (2, 0.5, 200)])
def test_a_scale_bar_is_as_long_as_it_says(zoom, spacing, length):
    """An image of 600 px is 60 or 300 mm wide: a fifth holds 10 or 50 mm, which are 100 px before the zoom."""
    canvas = KeypointCanvas(np.zeros((100, 600, 3), np.uint8), zoom)
    canvas.scale_bar(spacing)
    row = canvas.image[-14]
    assert np.ptp(np.flatnonzero((row == 255).all(axis=-1))) == pytest.approx(length, abs=4)


def test_limbs_are_outlined_lines_in_their_colours():
    canvas = KeypointCanvas(np.zeros((64, 64, 3), np.uint8))
    points = np.array([[5.0, 30.0], [60.0, 30.0], [30.0, 60.0]])
    canvas.limbs(points, np.array([True, True, False]), [(0, 1), (1, 2)], np.tile(RED, (2, 1)))
    assert (canvas.image[30, 40] == (0, 0, 255)).all() and canvas.image[28, 40].min() > 100
    assert not canvas.image[45:].any()


@pytest.mark.parametrize('zoom', [1, 2])
def test_a_frame_is_about_its_part(zoom):
    canvas = KeypointCanvas(np.zeros((100, 100, 3), np.uint8), zoom)
    canvas.frame((20, 30), (40, 50))
    rows, columns = np.nonzero(canvas.image.max(axis=-1) > 200)
    for ends, expected in ((rows, (30, 70)), (columns, (20, 70))):
        assert (ends.min() / zoom, ends.max() / zoom) == pytest.approx(expected, abs=2)
    assert not canvas.image[50 * zoom, 45 * zoom].any()


@pytest.mark.parametrize('text, inside', [('', False), ('0.93', True), ('a text that is too wide for it', False)])
def test_a_box_has_its_text_in_it_if_there_is_room(text, inside):
    canvas = KeypointCanvas(np.zeros((100, 100, 3), np.uint8))
    canvas.box(np.array([10.0, 20.0, 80.0, 90.0]), text, RED[0])
    points = np.argwhere(canvas.image[..., 2] > 100)[:, ::-1]
    assert points.min(axis=0).tolist() == [10, 20] and points.max(axis=0).tolist() == [80, 90]
    assert not canvas.image[50, 40].any() and bool(canvas.image[25, 12].any()) == inside


def test_lines_and_dots_are_as_heavy_as_the_weight():
    red = []
    for weight in (0.4, 1, 3):
        canvas = KeypointCanvas(np.zeros((200, 200, 3), np.uint8), weight=weight)
        points, shown = np.array([[50.0, 100.0], [150.0, 100.0]]), np.array([True, True])
        canvas.limbs(points, shown, [(0, 1)], RED)
        canvas.predictions(points, np.zeros((2, 2, 2)), shown, RED.repeat(2, axis=0))
        canvas.labels(points[:1] - (0, 60), shown[:1], RED)
        red.append((canvas.image.any(axis=-1)).sum())
    assert red[0] < red[1] < red[2]
