"""Calibration of covariances: what goes in, what comes out, and which baseline wins where."""

import csv

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.covariance_calibration import CovarianceCalibration

NAN = float('nan')
NAMES = ['sella', 'nasion', 'gonion, left', 'menton']
UNIT = [1, 0, 1]


def matrix(row):
    """Make a covariance (2, 2) of [xx, xy, yy]."""
    return np.array([[row[0], row[1]], [row[1], row[2]]], dtype=float)


def sample(vectors, covariances, number=0, spacing=(0.1, 0.1), visible=None, scores=None, readers=None):
    """Make what an estimator gives for error vectors (K, 2) px and covariances (K, 3), whose input px are 2 px high."""
    truth = 100 + 10 * np.arange(2.0 * len(vectors)).reshape(1, -1, 2)
    visible = np.ones((1, len(vectors))) if visible is None else np.array([visible], dtype=float)
    pred = dict(
        keypoints=truth + np.array(vectors, dtype=float),
        keypoint_covariances=np.stack([matrix(row) for row in covariances])[None],
        keypoint_scores=np.array([np.linspace(0.5, 1, len(vectors)) if scores is None else scores]),
    )
    found = dict(id=number, img_path=f'xray/{number:03d}.png', input_scale=(30.0, 80.0), input_size=(30, 40))
    found |= dict(gt_instances=dict(keypoints=truth, keypoints_visible=visible), pred_instances=pred)
    if readers is not None:
        found |= dict(raw_ann_info=dict(readers=readers))
    return found if spacing is None else found | dict(pixel_spacing=np.array(spacing))


def build(count=4, **settings):
    metric = METRICS.build(dict(type='CovarianceCalibration', **settings))
    metric.dataset_meta = dict(keypoint_id2name=dict(enumerate(NAMES[:count])))
    return metric


def measure(metric, samples):
    metric.process({}, samples)
    return metric.evaluate(len(samples))


@pytest.fixture
def said(monkeypatch):
    """What is logged."""
    lines = []
    for level in ('info', 'warning'):
        monkeypatch.setattr(MMLogger, level, lambda self, text: lines.append(text))
    return lines


def test_example_on_paper(mmpose_scope):
    """Two images of two landmarks under unit covariances, errors of 1, 2 and 2, 3 px.

    The squared distances 1, 4, 4 and 9 lie below 5.991 three times, below 1.386 once. NLL: 18 / 8 + ln(2 pi).
    """
    samples = [sample([[1, 0], [0, 2]], [UNIT] * 2, 1), sample([[2, 0], [0, 3]], [UNIT] * 2, 2)]
    metrics = measure(build(2, unit='px', levels=(0.5, 0.95)), samples)
    coverage = ['coverage_50', 'coverage_50_worst', 'coverage_95', 'coverage_95_worst']
    assert {name: metrics[name] for name in coverage} == dict(zip(coverage, (25, 0, 75, 50), strict=True))
    assert metrics['NLL'] == metrics['NLL_isotropic'] == pytest.approx(2.25 + np.log(2 * np.pi))
    assert metrics['area_px2'] == pytest.approx(np.pi)
    assert np.isnan(metrics['correlation'])
    # scores 0.5 and 1: first the errors 2 and 3, then 1 and 2
    assert metrics['AURC'] == 2 and metrics['AURC_score'] == pytest.approx((2.5 + 2.5 + 6.5 / 3 + 2) / 4)
    assert metrics['AURC_oracle'] == pytest.approx((1 + 1.5 + 5 / 3 + 2) / 4)
    assert list(metrics) == [
        *('coverage_50', 'coverage_50_isotropic', 'coverage_50_worst'),
        *('coverage_95', 'coverage_95_isotropic', 'coverage_95_worst'),
        *('NLL', 'NLL_isotropic', 'ECE', 'ECE_isotropic', 'area_px2', 'area_px2_isotropic'),
        *('correlation', 'correlation_score', 'AURC', 'AURC_score', 'AURC_oracle', 'degenerate'),
    ]


def test_millimetres_and_pixels_that_are_not_square(mmpose_scope):
    """At 0.5 and 0.25 mm a px the covariance (4, 16) px^2 is (1, 1) mm^2, and (2, 0) px is 1 mm."""
    metrics = measure(build(1), [sample([[2, 0]], [[4, 0, 16]], spacing=(0.5, 0.25))])
    assert metrics['area_mm2'] == pytest.approx(np.pi) and metrics['AURC'] == pytest.approx(1)
    assert metrics['NLL'] == metrics['NLL_isotropic'] == pytest.approx(0.5 + np.log(2 * np.pi))
    in_px = measure(build(1, unit='px'), [sample([[2, 0]], [[4, 0, 16]], spacing=None)])
    assert in_px['area_px2'] == pytest.approx(8 * np.pi) and in_px['coverage_50'] == metrics['coverage_50'] == 100
    assert in_px['NLL'] == pytest.approx(metrics['NLL'] + np.log(8))


def test_a_constant_is_mapped_from_the_input_to_the_image(mmpose_scope):
    """An input px is 1 px wide and 2 px high: [9, 1, 4] becomes [9, 2, 16], its circle 12.5."""
    metric = build(1, unit='px', constant=[[9, 1, 4]])
    metrics = measure(metric, [sample([[3, 0]], [UNIT])])
    assert metrics['area_px2_constant'] == pytest.approx(np.pi * np.sqrt(9 * 16 - 4))
    assert metrics['area_px2_constant_isotropic'] == pytest.approx(12.5 * np.pi)
    assert metric.distances['_constant_isotropic'] == pytest.approx(9 / 12.5)
    assert metrics['NLL_gain'] == pytest.approx(metrics['NLL_constant'] - metrics['NLL'])
    assert metrics['AURC_constant'] == 3 and 'AURC_constant_isotropic' not in metrics
    assert np.isnan([metrics['NLL_gain_low'], metrics['NLL_gain_high']]).all()


def draw(spread, told, count=150, seed=0):
    """Draw images whose landmarks have errors of sigmas that vary, and predictions that know them, or vary at random.

    Args:
        spread: of the logarithm of the true sigmas; of the predicted ones where these do not know them.
        told: whether the predictions know them.
    """
    generator = np.random.default_rng(seed)
    sigmas, noise = np.exp(generator.normal(0, spread, (2, count, 4, 1)))
    sigmas = sigmas if told else np.full_like(sigmas, np.exp(spread**2))
    vectors = sigmas * generator.normal(size=(count, 4, 2))
    squares = ((sigmas if told else noise) ** 2).repeat(3, axis=-1) * UNIT
    return [sample(v, c, i, scores=generator.random(4)) for i, (v, c) in enumerate(zip(vectors, squares, strict=True))]


def fitted(spread):
    """Give the constant covariance of such errors: E exp(2 n) = exp(2 spread^2), over the input px's height."""
    return [[np.exp(2 * spread**2), 0, np.exp(2 * spread**2) / 4]] * 4


def test_predictions_that_know_win(mmpose_scope):
    metrics = measure(build(unit='px', constant=fitted(0.7)), draw(0.7, True))
    assert 0 < metrics['NLL_gain_low'] < metrics['NLL_gain'] < metrics['NLL_gain_high']
    assert metrics['ECE'] < 3 < metrics['ECE_constant']
    assert metrics['correlation'] > 0.5 > 0.1 > abs(metrics['correlation_score'])
    order = [metrics[f'AURC{end}'] for end in ('_oracle', '', '_constant')]
    assert order == sorted(order) and metrics['AURC_score'] > metrics['AURC']
    # by parts: errors' NLL is that of the sigmas plus half the squared distance, 1 in the mean
    assert metrics['NLL'] == pytest.approx(1 + np.log(2 * np.pi), abs=0.15)


def test_a_constant_wins_against_noise(mmpose_scope):
    metrics = measure(build(unit='px', constant=fitted(0.7)), draw(0.7, False))
    assert metrics['NLL_gain_low'] < metrics['NLL_gain'] < metrics['NLL_gain_high'] < 0
    assert metrics['ECE_constant'] < 3 < metrics['ECE'] and abs(metrics['correlation']) < 0.1


def test_an_interval_is_paired(mmpose_scope):
    """Errors vary much more than the difference of two predictions of nearly the same size."""
    samples = draw(0, True)
    metrics = measure(build(unit='px', constant=[[1.01, 0, 1.01 / 4]] * 4), samples)
    assert metrics['NLL_gain_high'] - metrics['NLL_gain_low'] < 0.01
    assert np.isnan(measure(build(unit='px', constant=fitted(0), bootstrap=0), samples)['NLL_gain_low'])


def test_missing_landmarks_are_left_out(mmpose_scope, said):
    samples = [
        sample([[1, 0], [9, 9], [NAN, 0], [1, 0]], [UNIT, UNIT, UNIT, [1, 1, 1]], 1, visible=[1, 0, 1, 1]),
        sample([[2, 0], [9, 9], [2, 0], [3, 0]], [UNIT, UNIT, [NAN, 0, 1], UNIT], 2, visible=[1, 0, 1, 1]),
    ]
    metric = build(unit='px', constant=[UNIT] * 4)
    metrics = measure(metric, samples)
    assert metrics['degenerate'] == 2 and np.isfinite(metric.errors).sum() == 3
    assert said[-1] == '2 predictions have no positive definite covariance and are left out'
    assert metrics['AURC_constant'] == metrics['AURC'] == 2
    for values in (*metric.distances.values(), metric.errors):
        np.testing.assert_array_equal(np.isfinite(values), [[1, 0, 0, 0], [1, 0, 0, 1]])


def test_nothing_labelled(mmpose_scope, recwarn):
    samples = [sample([[1, 0]] * 2, [UNIT] * 2, i, visible=[0, 0]) for i in (1, 2)]
    metrics = measure(build(2, constant=[UNIT] * 2), samples)
    assert metrics.pop('degenerate') == 0 and np.isnan(list(metrics.values())).all()
    assert not [warning for warning in recwarn if 'numpy' in str(warning.filename)]


def marks(*places):
    """Make readers of (K, 2) points each, None where one has no point."""
    return {
        f'reader {i}': [value for x, y in points for value in ((0, 0, 0) if x is None else (x, y, 2))]
        for i, points in enumerate(places)
    }


def test_axes_of_readers(mmpose_scope, tmp_path):
    """Sella's readers differ along x, 3 to 1, and so does the prediction, nasion's along y, across the prediction.

    Gonion has one reader only, menton's prediction is a circle.
    """
    first = marks([(3, 0), (0, 4), (5, 5), (0, 4)], [(-3, 0), (0, -4), (None, None), (0, -4)])
    second = marks([(3, 1), (2, 5), (None, None), (2, 5)], [(3, -1), (-2, 5), (6, 6), (-2, 5)])
    long = [[4, 0, 1], [4, 0, 1], [4, 0, 1], [2, 0, 2]]
    samples = [sample(np.ones((4, 2)), long, i, readers=readers) for i, readers in enumerate((first, second))]
    path = tmp_path / 'calibration.csv'
    metrics = measure(build(unit='px', csv=str(path)), samples)
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0][-3:] == ['axis_angle', 'axis_ratio', 'readers_ratio']
    assert [row[-3:] for row in rows[1:5]] == [['0', '2', '3'], ['90', '2', '2'], ['', '2', ''], ['', '1', '2']]
    # (2 * 0 + 1 * 90) / 3
    assert rows[5][-3:] == ['30', '', ''] and metrics['axis_angle'] == pytest.approx(30)


def test_readers_are_compared_in_the_unit(mmpose_scope, tmp_path):
    """In px the readers differ more along y, in mm more along x, as the prediction does."""
    readers = marks([(3, 0)], [(-3, 0)]), marks([(0, 4)], [(0, -4)])
    samples = [sample([[1, 1]], [[2, 0, 3]], i, spacing=(1, 0.5), readers=one) for i, one in enumerate(readers)]
    path = tmp_path / 'calibration.csv'
    assert measure(build(1, csv=str(path)), samples)['axis_angle'] == 0
    assert path.read_text().splitlines()[1].split(',')[-1] == '1.5'


def test_tables_are_logged_and_written(mmpose_scope, tmp_path, said):
    path = tmp_path / 'new' / 'calibration.csv'
    metric = build(levels=(0.5, 0.95), csv=str(path), constant=[UNIT] * 4)
    samples = [sample([[1, 0], [20, 0], [3, 0], [0, 0]], [UNIT] * 4, i, visible=[1, 1, i, 0]) for i in (0, 1)]
    metrics = measure(metric, samples)
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0] == ['landmark', 'coverage_50', 'coverage_95', 'NLL', 'ECE', 'area_mm2', 'correlation', 'AURC'] + [
        'NLL_constant',
        'count',
        'missing',
    ]
    assert [row[0] for row in rows[1:]] == [*NAMES, 'all']
    assert rows[1][1:3] == ['100', '100'] and rows[2][1:3] == ['0', '0'] and rows[3][1:3] == ['0', '0']
    assert rows[4][1:9] == [''] * 8
    assert [row[-2:] for row in rows[1:]] == [['2', '0'], ['2', '0'], ['1', '1'], ['0', '2'], ['5', '3']]
    assert [float(rows[5][i]) for i in (2, 3, 7, 8)] == pytest.approx(
        [metrics[name] for name in ('coverage_95', 'NLL', 'AURC', 'NLL_constant')], rel=1e-5
    )
    table, by_landmark = (text.splitlines() for text in said)
    assert table[0] == 'calibration of covariances' and by_landmark[0] == 'calibration of covariances by landmark'
    beginnings = ('', 'prediction', 'made isotropic', 'constant', 'constant isotropic', 'score', 'best order')
    assert all(line.startswith(start) for line, start in zip(table[1:], beginnings, strict=True))
    assert len({len(line) for line in table[1:]}) == len({len(line) for line in by_landmark[1:]}) == 1
    assert table[2].split()[:3] == ['prediction', '40.0', '40.0'] and table[6].split()[1:6] == ['-'] * 5
    assert by_landmark[2].split()[:3] == ['sella', '100.0', '100.0']


def test_neither_order_nor_repetition_changes_anything(mmpose_scope):
    samples = draw(0.5, True, count=7)
    expected = measure(build(constant=fitted(0.5)), samples)
    again = measure(build(constant=fitted(0.5)), [*samples[::-1], samples[3]])
    np.testing.assert_equal(again, expected)
    assert np.isfinite(again['NLL_gain_low'])


def test_what_is_not_there_is_said(mmpose_scope):
    one, two = sample([[1, 0]], [UNIT], 7), sample([[1, 0]], [UNIT], 7)
    del one['pred_instances']['keypoint_covariances'], two['input_scale']
    with pytest.raises(InputError, match=r'^xray/007.png: expected predicted keypoint_covariances of .* got none'):
        build(1).process({}, [one])
    build(1).process({}, [two])
    with pytest.raises(InputError, match=r'^xray/007.png: expected input_scale to map the constant'):
        build(1, constant=[UNIT]).process({}, [two])
    with pytest.raises(InputError, match=r'^xray/007.png: expected 2 keypoints as in the constant, got 1'):
        build(1, constant=[UNIT, UNIT]).process({}, [two])
    with pytest.raises(InputError, match=r'^xray/007.png: expected a pixel_spacing'):
        build(1).process({}, [sample([[1, 0]], [UNIT], 7, spacing=None)])


@pytest.mark.parametrize('settings', [dict(unit='cm'), dict(levels=(0.5, 1)), dict(levels=(95,)), dict(bootstrap=-1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='CovarianceCalibration: expected'):
        CovarianceCalibration(**settings)


@pytest.mark.parametrize('constant', [[[1, 0]], [1, 0, 1], [[1, 2, 1]], [[1, 0, NAN]], [[-1, 0, -1]]])
def test_bad_constants(constant):
    with pytest.raises(InputError, match='CovarianceCalibration: expected a constant positive definite'):
        CovarianceCalibration(constant=constant)
