"""Labels beside predictions: what is paired, how far apart they are, and what is drawn."""

import cv2
import numpy as np
import pytest

from hybridkp.inference.comparison import WIDTH, Comparison

NAN = float('nan')
META = dict(
    keypoint_colors=np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8),
    keypoint_id2name={0: 'nose', 1: 'paw', 2: 'tail'},
    skeleton_links=[(0, 1)],
)


@pytest.fixture
def image(tmp_path):
    """A black image of 120 x 60 px."""
    cv2.imwrite(str(tmp_path / 'frame.png'), np.zeros((60, 120, 3), np.uint8))
    return str(tmp_path / 'frame.png')


def person(image, points, visible=(1, 1, 1), box=(0, 0, 119, 59), spacing=None):
    given = {} if spacing is None else dict(pixel_spacing=np.array(spacing))
    points, visible = np.array([points], dtype=np.float32), np.array([visible], dtype=np.float32)
    return dict(img_path=image, keypoints=points, keypoints_visible=visible, bbox=np.array([box]), **given)


def entry(points, score=0.5, box=(0, 0, 119, 59)):
    keypoints = np.column_stack((points, np.full(len(points), score))).ravel().tolist()
    return dict(keypoints=keypoints, bbox=list(box), keypoint_covariances=[[1, 0, 1]] * len(points))


LABELS = [[20, 20], [60, 20], [100, 40]]
FOUND = [[23, 24], [60, 20], [100, 50]]


def test_errors_in_px_and_in_mm(image):
    comparison = Comparison([person(image, LABELS, (1, 1, 0))], [entry(FOUND)])
    assert comparison.name == 'frame' and comparison.unit == 'px'
    np.testing.assert_array_equal(comparison.errors('px'), [[5, 0, NAN]])
    assert comparison.caption(META['keypoint_id2name']) == 'frame   mean error 2.50 px   worst: nose 5.00 px'
    with_spacing = Comparison([person(image, LABELS, spacing=(0.1, 0.2))], [entry(FOUND)])
    assert with_spacing.unit == 'mm'
    np.testing.assert_allclose(with_spacing.errors('mm'), [[np.hypot(0.3, 0.8), 0, 2]])
    np.testing.assert_allclose(with_spacing.errors('px'), [[5, 0, 10]])
    assert with_spacing.worst(2) == [(0, 2), (0, 0)]
    assert with_spacing.caption(META['keypoint_id2name']).endswith('mean error 0.95 mm   worst: tail 2.00 mm')


def test_several_people_are_paired_if_their_boxes_agree(image):
    left, right = (0, 0, 50, 50), (60, 0, 110, 50)
    people = [person(image, LABELS, box=left), person(image, FOUND, box=right)]
    entries = [entry(LABELS, box=(0, 0, 50, 50)), entry(LABELS, box=(60, 0, 50, 50))]
    comparison = Comparison(people, entries)
    np.testing.assert_array_equal(comparison.errors('px'), [[0, 0, 0], [5, 0, 10]])
    assert comparison.worst(1) == [(1, 2)]
    for others in (entries[::-1], entries[:1], [*entries, entries[0]], []):
        unpaired = Comparison(people, others)
        assert unpaired.errors('px').shape == (0, 3) and unpaired.worst(3) == []
        assert unpaired.caption(META['keypoint_id2name']) == f'frame   2 labelled, {len(others)} predicted'
        assert unpaired.draw(META).shape[1] == WIDTH


def test_what_is_not_finite_is_neither_measured_nor_drawn(image):
    lost = entry([[NAN, 24], [60, 20], [100, 50]])
    lost['keypoint_covariances'] = [[1, 0, 1], [NAN, 0, 1], [1, 0, 1]]
    comparison = Comparison([person(image, LABELS, (0, 0, 0))], [lost])
    assert comparison.worst(3) == []
    picture = comparison.draw(META, zoom=1)[:60].astype(int)
    assert not (picture[..., 1] - picture.min(axis=-1) > 60).any()  # green: the second keypoint
    assert (picture[..., 0] - picture.min(axis=-1) > 60).any()  # blue: the third


def test_the_error_is_a_line_from_the_label_to_the_prediction(image):
    comparison = Comparison([person(image, LABELS)], [entry([[20, 50], [60, 20], [100, 40]])])
    blue, green, red = comparison.draw(META, zoom=1)[35, 20]
    assert red > 200 and green < 60 and blue < 60
    unsure = comparison.draw(META, score=0.6, zoom=1)
    assert not unsure[35:55, 18:23].any()


def test_the_size_of_a_picture(image):
    comparison = Comparison([person(image, LABELS)], [entry(FOUND)])
    assert comparison.draw(META).shape == (450 + 48, WIDTH, 3)
    assert comparison.draw(META, zoom=2).shape == (120 + 48, 240, 3)
    with_bar = Comparison([person(image, LABELS, spacing=(0.1, 0.1))], [entry(FOUND)]).draw(META)
    assert (with_bar[380:450, 5:200] == 255).all(axis=-1).any() and not comparison.draw(META)[380:450, 5:100].any()
