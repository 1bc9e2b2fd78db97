"""The pictures of a report: the right part of the image, the label beside the prediction."""

import base64

import cv2
import numpy as np
import pytest

from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.inference.report_case import HEIGHT, PANELS, ReportCase, data_uri, landmark_picture, panel_size
from hybridkp.inference.report_case import person_picture as draw_person

META = skeleton_metainfo(
    dict(name='three', keypoints=['a', 'b', 'c'], flip_pairs=[('a', 'b')], links=[('a', 'b')], sigmas=[1, 1, 1])
)
NAN = float('nan')
BLACK = np.zeros((200, 300, 3), np.uint8)
BOX = np.array([100.0, 50.0, 60.0, 80.0])
LABELS = np.array([[110.0, 60.0], [150.0, 60.0], [130.0, 120.0]])


def case(labels=LABELS, points=LABELS, variance=4.0, scores=(0.9, 0.9, 0.9)):
    given = np.array(labels, dtype=float), np.array(points, dtype=float)
    return ReportCase(*given, np.stack([np.eye(2)] * 3) * variance, np.array(scores))


def person_picture(image, box, one, panel=PANELS[0]):
    picture = draw_person(image, box, one, META, panel)
    gap = picture.shape[1] - 2 * panel[0]
    return picture[:, : panel[0]], picture[:, panel[0] + gap :]


def colored(picture, channel):
    """Count the pixels in which a channel (BGR) is far ahead."""
    values = picture.astype(int)
    others = np.delete(values, channel, axis=-1).max(axis=-1)
    return int((values[..., channel] - others > 80).sum())


@pytest.mark.parametrize('panel', PANELS)
def test_the_label_is_at_the_left_and_the_prediction_at_the_right(panel):
    left, right = person_picture(BLACK, BOX, case(points=np.full((3, 2), NAN)), panel)
    assert left.shape == right.shape == (panel[1], panel[0], 3)
    assert left.any() and not right.any()
    left, right = person_picture(BLACK, BOX, case(labels=np.full((3, 2), NAN)), panel)
    assert right.any() and not left.any()


def test_the_part_of_the_image_holds_box_and_points():
    """A white square in the box is as large a part of the panel as the box is with its margin."""
    image = BLACK.copy()
    image[50:130, 100:160] = 255
    left, _ = person_picture(image, BOX, case(points=LABELS))
    rows, columns = np.nonzero((left > 250).all(axis=-1))
    assert np.ptp(columns) / PANELS[0][0] == pytest.approx(60 / (80 * 1.12 * 0.8), abs=0.06)
    assert np.ptp(rows) / PANELS[0][1] == pytest.approx(1 / 1.12, abs=0.06)


def test_a_prediction_far_away_does_not_make_the_person_tiny():
    far = LABELS.copy()
    far[2] = 1e7, -1e7
    image = BLACK.copy()
    image[50:130, 100:160] = 255
    left, _ = person_picture(image, BOX, case(points=far))
    assert np.ptp(np.nonzero((left > 250).all(axis=-1))[0]) > 0.35 * PANELS[0][1]


def test_uncertain_keypoints_without_a_label_are_not_drawn():
    labels = LABELS.copy()
    labels[0] = NAN
    assert case(labels, scores=(0.1, 0.1, 0.1)).shown.tolist() == [False, True, True]
    assert case(labels, scores=(0.3, 0.1, 0.1)).shown.tolist() == [True, True, True]
    points = LABELS.copy()
    points[1] = NAN
    assert case(LABELS, points).shown.tolist() == [True, False, True]


def test_without_covariances_there_are_dots():
    larger, smaller = (person_picture(BLACK, BOX, case(variance=variance))[1] for variance in (36.0, NAN))
    assert 0 < smaller.any(axis=-1).sum() < larger.any(axis=-1).sum()


@pytest.mark.parametrize('box', [(-50, -50, 80, 80), (280, 180, 200, 200), (0, 0, 0, 0), (0, 0, 300, 200)])
def test_boxes_at_the_edge(box):
    left, right = person_picture(BLACK, np.array(box, dtype=float), case())
    assert left.shape == right.shape == (*PANELS[0][::-1], 3)


def test_panels_suit_most_boxes():
    upright, square = [0, 0, 40, 100], [0, 0, 100, 100]
    assert panel_size(np.array([upright, upright, square])) == PANELS[0]
    assert panel_size(np.array([upright, square, square])) == PANELS[1]
    assert panel_size(np.array([[0, 0, 5, 0]])) == PANELS[1]


def test_a_landmark_image_and_a_close_up_of_its_worst():
    points = LABELS.copy()
    points[2] += (0, 30)
    alone = landmark_picture(BLACK, case(points=points), META, None, None)
    assert alone.shape == (HEIGHT, 600, 3)
    both = landmark_picture(BLACK, case(points=points), META, (0.1, 0.1), 2)
    assert both.shape == (HEIGHT, 600 + 6 + HEIGHT, 3)
    close = both[:, 606:]
    assert colored(close, 0) > 500  # blue: the third landmark, in its middle
    assert colored(close, 1) == 0  # green: the first, out of sight
    assert (both[:, :600] != alone).any()  # the frame


@pytest.mark.parametrize('place', [(1e6, 1e6), (-500.0, 100.0), (299.0, 199.0)])
def test_a_close_up_of_what_is_far_away(place):
    points = LABELS.copy()
    points[0] = place
    assert landmark_picture(BLACK, case(points=points), META, None, 0).shape == (HEIGHT, 600 + 6 + HEIGHT, 3)


def test_a_picture_as_text():
    picture = np.full((20, 30, 3), 90, np.uint8)
    text = data_uri(picture)
    head, content = text.split(',')
    assert head == 'data:image/jpeg;base64'
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded, picture, atol=3)
