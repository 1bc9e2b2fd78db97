"""The second view of a pair: by its seed alone, where the homography says."""

import cv2
import numpy as np
from mmpose.registry import TRANSFORMS

from hybridkp.datasets.change_view import ChangeView


def sample(view, seed=5):
    rows, columns = np.meshgrid(np.arange(120), np.arange(160), indexing='ij')
    image = np.full((120, 160, 3), 60, np.uint8)
    for x, y in ((50, 40), (110, 50), (70, 85)):
        image[np.hypot(columns - x, rows - y) < 5] = 220
    return dict(img=image, view=view, view_seed=seed)


def centres(image):
    _, mask = cv2.threshold(cv2.GaussianBlur(image[..., 0], (0, 0), 1), 110, 255, cv2.THRESH_BINARY)
    return cv2.connectedComponentsWithStats(mask)[3][1:]


def test_both_views_know_the_homography_and_the_first_one_stays(mmpose_scope):
    step = TRANSFORMS.build(dict(type='ChangeView'))
    first, second = step.transform(sample(0)), step.transform(sample(1))
    assert np.array_equal(first['homography'], second['homography'])
    assert np.array_equal(first['img'], sample(0)['img']) and not np.array_equal(second['img'], first['img'])
    assert first['view_sizes'] == ((120, 160), (120, 160)) and second['img'].dtype == np.uint8
    assert not np.allclose(step.transform(sample(0, 6))['homography'], first['homography'])
    np.random.seed(1)
    assert np.array_equal(step.transform(sample(1))['img'], second['img'])  # whatever else was drawn


def test_points_lie_where_the_homography_says():
    second = ChangeView(photometry=0).transform(sample(1))
    wanted = cv2.perspectiveTransform(np.float64([[[50, 40], [110, 50], [70, 85]]]), second['homography'])[0]
    found = centres(second['img'])
    assert len(found) >= 3
    distance = np.linalg.norm(wanted[:, None] - found[None], axis=2).min(axis=1)
    assert distance.max() < 0.5


def test_light_alone():
    second = ChangeView(corners=0, rotation=0, zoom=1).transform(sample(1))
    np.testing.assert_allclose(second['homography'], np.eye(3), atol=1e-4)
    assert not np.array_equal(second['img'], sample(1)['img'])
