"""Which points of a view count, and views that lack their other half."""

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.evaluation.view_points import pairs_of_views, shared_points

SHIFT = np.array([[1.0, 0, 30], [0, 1, 0], [0, 0, 1]])


def sample(points, scores, view=0, **more):
    points = np.asarray(points, dtype=float)
    found = dict(keypoints=points[:, None], keypoint_scores=np.asarray(scores, dtype=float)[:, None])
    sizes = (50, 100), (50, 90)
    return dict(img_path='a.jpg', pair=0, view=view, homography=SHIFT, view_sizes=sizes, pred_instances=found) | more


def test_points_that_both_views_show_the_best_first():
    points = [[10, 10], [65, 10], [10.5, 11], [40, 40], [30, 20]]
    found = shared_points(sample(points, [1, 9, 2, 5, 3]), 2, 4.0, 0.0)
    assert found.tolist() == [[40, 40], [30, 20]]  # the best one lies outside of the second view
    assert shared_points(sample(points, [1, 9, 2, 5, 3]), 10, 4.0, 0.0).tolist()[-1] == [10.5, 11]
    assert len(shared_points(sample(points, [1, 9, 2, 5, 3]), 10, 0.0, 0.0)) == 4


def test_of_the_second_view():
    points = [[40, 10], [29, 10], [88, 10]]
    assert shared_points(sample(points, [1, 2, 3], view=1), 5, 1.0, 0.0).tolist() == [[88, 10], [40, 10]]
    assert shared_points(sample(points, [1, 2, 3], view=1), 5, 1.0, 3.0).tolist() == [[40, 10]]


def test_no_view_and_no_number():
    with pytest.raises(InputError, match=r"a.jpg: expected a view of a pair, got a sample without \['homography'\]"):
        shared_points({k: v for k, v in sample([[1, 1]], [1]).items() if k != 'homography'}, 5, 1, 0)
    with pytest.raises(InputError, match='a.jpg: expected predicted points that are finite'):
        shared_points(sample([[1, np.nan]], [1]), 5, 1, 0)


def test_pairs_in_their_order():
    results = [dict(key=key) for key in ((1, 1), (0, 0), (1, 0), (0, 1), (0, 1))]
    assert [(a['key'], b['key']) for a, b in pairs_of_views(results)] == [((0, 0), (0, 1)), ((1, 0), (1, 1))]
    with pytest.raises(InputError, match='expected two views of every pair, got 3 views'):
        list(pairs_of_views(results[:3]))
    with pytest.raises(InputError, match=r'expected two views of every pair, got views \(0, 0\) and \(1, 0\)'):
        list(pairs_of_views([dict(key=(0, 0)), dict(key=(1, 0))]))
