"""Points of a sample, and names of images."""

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.evaluation.sample_points import each_once, image_names, labelled_points, own_values, predicted_points


def sample(count=2, **changes):
    pred = dict(keypoints=np.ones((1, count, 2), np.float32), keypoint_scores=np.full((1, count), 0.5, np.float32))
    pred['keypoint_covariances'] = np.tile(np.eye(2, dtype=np.float32), (1, count, 1, 1))
    truth = dict(keypoints=np.array([[[1, 2], [3, 4]]], np.float32), keypoints_visible=np.array([[1, 0]], np.float32))
    return dict(img_path='a.png', pred_instances=pred | changes, gt_instances=truth)


def test_shapes_and_precision():
    points, covariances, scores = predicted_points(sample())
    assert (points.shape, covariances.shape, scores.shape) == ((2, 2), (2, 2, 2), (2,))
    assert points.dtype == covariances.dtype == scores.dtype == float


def test_a_missing_label_is_nan():
    assert labelled_points(sample())[0].tolist() == [1, 2] and np.isnan(labelled_points(sample())[1]).all()
    stacked = sample()
    stacked['gt_instances']['keypoints_visible'] = np.array([[[0, 1], [1, 0]]])
    assert np.isnan(labelled_points(stacked)).all(axis=1).tolist() == [True, False], 'visibility comes before weight'


def test_what_does_not_fit_names_the_image():
    with pytest.raises(InputError, match=r'a.png: expected predicted keypoint_covariances .*\(1, 2, 2, 2\), got none'):
        predicted_points(sample(keypoint_covariances=None))
    with pytest.raises(InputError, match=r'a.png: .* got \(1, 3, 2, 2\)'):
        predicted_points(sample(keypoint_covariances=np.zeros((1, 3, 2, 2))))
    with pytest.raises(InputError, match=r'a.png: expected the predicted landmarks of one instance'):
        predicted_points(sample(keypoints=np.zeros((2, 2, 2))))
    with pytest.raises(InputError, match=r'a.png: expected the labelled landmarks of one instance.* got \(1, 2, 2\)'):
        labelled_points(sample(3))


def test_names_are_relative_to_the_folder_of_all():
    assert image_names(['x/y/1.png', 'x/y/2.png']) == ['1.png', '2.png']
    assert image_names(['x/a/1.png', 'x/b/1.png', 'x/2.png']) == ['a/1.png', 'b/1.png', '2.png']
    assert image_names(['1.png']) == ['1.png'] and image_names(['1.png', 'a/1.png']) == ['1.png', 'a/1.png']
    assert image_names(['ab/1.png', 'ac/1.png']) == ['ab/1.png', 'ac/1.png']


def test_each_sample_counts_once_in_an_order_of_its_own():
    results = [dict(key=('b', 1), n=1), dict(key=('a', 2), n=2), dict(key=('b', 1), n=1), dict(key=('a', 1), n=3)]
    assert [result['n'] for result in each_once(results)] == [3, 2, 1] == [r['n'] for r in each_once(results[::-1])]


def test_what_several_looks_find_is_put_together():
    looks = [sample() | dict(own_keypoints=np.array(own)) for own in ([True, False], [False, True])]
    looks[1]['pred_instances']['keypoints'] = looks[1]['pred_instances']['keypoints'] + 1
    parts = [dict(key='a', points=predicted_points(look)[0], scores=predicted_points(look)[2]) for look in looks]
    assert np.isnan(parts[0]['points']).tolist() == [[False, False], [True, True]]
    assert np.isnan(predicted_points(looks[0])[1][1]).all()
    (together,) = each_once(parts)
    assert together['points'].tolist() == [[1, 1], [2, 2]] and together['scores'].tolist() == [0.5, 0.5]
    (again,) = each_once([*parts, *parts[::-1]])  # as processes that share the last sample give them
    assert again['points'].tolist() == [[1, 1], [2, 2]]


def test_without_looks_every_value_is_its_own():
    assert own_values(np.ones(2), {}).tolist() == [1, 1]


def test_what_is_no_array_of_numbers_stays_the_first():
    results = [dict(key=1, n=3, spacing=np.ones(2), counts=np.arange(2)), dict(key=1, n=4, spacing=None, counts=None)]
    (once,) = each_once(results)
    assert once['n'] == 3 and once['spacing'].tolist() == [1, 1] and once['counts'].tolist() == [0, 1]
