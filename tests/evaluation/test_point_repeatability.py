"""The metric of repeatability: on paper, whatever the order and the number of processes."""

import numpy as np
import pytest
from mmpose.registry import METRICS

from hybridkp.evaluation.point_repeatability import PointRepeatability

HOMOGRAPHY = np.array([[1.0, 0, 10], [0, 1, 0], [0, 0, 1]])


def sample(pair, view, points, scores=None):
    points = np.asarray(points, dtype=np.float32)
    scores = np.ones(len(points)) if scores is None else np.asarray(scores)
    found = dict(keypoints=points[:, None], keypoint_scores=scores[:, None])
    return dict(
        img_path=f'{pair}.jpg',
        pair=pair,
        view=view,
        homography=HOMOGRAPHY,
        view_sizes=((200, 200), (200, 200)),
        pred_instances=found,
    )


def measure(metric, samples):
    for one in samples:
        metric.process({}, [one])
    return metric.evaluate(len(samples))


def grid(count=5):
    return np.stack(np.meshgrid(20 + 20 * np.arange(count), 20 + 20 * np.arange(count)), axis=-1).reshape(-1, 2)


def test_on_paper(mmpose_scope):
    metric = METRICS.build(dict(type='PointRepeatability', bootstrap=0))
    points = grid()
    moved = points + [10, 0]
    worse = moved.astype(float)
    worse[:10] += [0, 2.0]
    worse[10:20] += [0, 5.0]
    metrics = measure(
        metric, [sample(0, 0, points), sample(0, 1, moved), sample(1, 0, points), sample(1, 1, worse[:, :])]
    )
    assert metrics['points/repeatability'] == pytest.approx((100 + 60) / 2)
    assert metrics['points/localisation'] == pytest.approx((0 + 20 / 15) / 2)
    assert metrics['points/correspondences'] == pytest.approx((25 + 15) / 2) and metrics['points/points'] == 25
    assert np.isnan(metrics['points/repeatability_low'])


def test_the_number_of_points_is_fixed(mmpose_scope):
    points, scores = grid(), np.arange(25.0)
    metric = PointRepeatability(points=7, bootstrap=0)
    metrics = measure(metric, [sample(0, 0, points, scores), sample(0, 1, points + [10, 0], -scores)])
    assert metrics['points/points'] == 7 and metrics['points/correspondences'] == 0


def noisy(count):
    generator = np.random.default_rng(0)
    samples = []
    for pair in range(count):
        points = generator.uniform(20, 180, (60, 2))
        samples += [sample(pair, 0, points), sample(pair, 1, points + [10, 0] + generator.normal(0, 2, (60, 2)))]
    return samples


def test_neither_order_nor_repetition_changes_anything(mmpose_scope):
    samples = noisy(5)
    expected = measure(PointRepeatability(), samples)
    assert measure(PointRepeatability(), [*samples[::-1], samples[3]]) == expected
    assert (
        expected['points/repeatability_low'] < expected['points/repeatability'] < expected['points/repeatability_high']
    )


def test_a_pair_without_points_counts_as_nothing_found(mmpose_scope):
    none = np.zeros((0, 2))
    metrics = measure(PointRepeatability(bootstrap=0), [sample(0, 0, none), sample(0, 1, none), *noisy(2)[2:]])
    assert metrics['points/repeatability'] < 50 and np.isfinite(metrics['points/localisation'])


@pytest.mark.parametrize('settings', [dict(points=0), dict(threshold=0), dict(radius=-1), dict(bootstrap=-1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='PointRepeatability: expected'):
        PointRepeatability(**settings)
