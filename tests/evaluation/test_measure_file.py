"""The table of measures: its cells, units and order, and whether its standard deviations are those of the errors."""

import csv

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.measure_file import MeasureFile

MEASURES = dict(
    SNA=('angle', 'S', 'N', 'A'),
    SNB=('angle', 'S', 'N', 'B'),
    ANB=('difference', 'SNA', 'SNB'),
    NA=('distance', 'N', 'A'),
)
HEADER = ['image', 'measure', 'unit', 'value', 'sd', 'reference', 'error', 'z']
TRUTH = [[0, 0], [40, 0], [40, 30], [40, 40]]


def sample(points, variance=1.0, number=0, spacing=None, truth=TRUTH, visible=(1, 1, 1, 1)):
    pred = dict(keypoints=np.array([points], dtype=float), keypoint_scores=np.ones((1, 4)))
    pred['keypoint_covariances'] = np.tile(variance * np.eye(2), (1, 4, 1, 1))
    labels = dict(keypoints=np.array([truth], dtype=float), keypoints_visible=np.array([visible], dtype=float))
    given = {} if spacing is None else dict(pixel_spacing=np.array(spacing))
    name = f'xray/{number:03d}.png'
    return dict(id=number, img_path=name, pred_instances=pred, gt_instances=labels, **given)


def build(path, measures=MEASURES, **settings):
    metric = METRICS.build(dict(type='MeasureFile', path=str(path), **settings))
    ids = {name: i for i, name in enumerate('SNAB')}
    metric.dataset_meta = dict(dataset_name='head', keypoint_name2id=ids, measures=measures)
    return metric


@pytest.fixture
def measure(mmpose_scope, tmp_path):
    """Measure samples; give the metrics and the rows of the file by image and measure."""

    def of(samples, **settings):
        metric = build(tmp_path / 'new' / 'measures.csv', **settings)
        metric.process({}, samples)
        metrics = metric.evaluate(len(samples))
        with open(tmp_path / 'new' / 'measures.csv', newline='') as file:
            header, *rows = csv.reader(file)
        assert header == HEADER
        return metrics, {tuple(row[:2]): row[2:] for row in rows}

    return of


def test_example_on_paper(measure):
    """A is 30 px below N and 3 px too far to the left; S is 40 px from N, B where it belongs."""
    metrics, rows = measure([sample([[0, 0], [40, 0], [37, 30], [40, 40]], 0.25)], unit='px')
    error = -np.degrees(np.arctan2(3, 30))
    unit, *numbers = rows['000.png', 'SNA']
    # the angle's gradients by S and A lie across the arms, that by N is minus their sum
    arms = np.array([0, -1]) / 40, np.array([30, 3]) / 909
    deviation = np.degrees(0.5 * np.sqrt(sum(np.sum(part**2) for part in (*arms, arms[0] + arms[1]))))
    assert unit == 'deg'
    assert [float(n) for n in numbers] == pytest.approx([90 + error, deviation, 90, error, error / deviation], rel=1e-4)
    length = np.sqrt(909)
    assert rows['000.png', 'NA'][0] == 'px'
    assert [float(n) for n in rows['000.png', 'NA'][1:]] == pytest.approx(
        [length, np.sqrt(0.5), 30, length - 30, (length - 30) / np.sqrt(0.5)], rel=1e-4
    )
    assert rows['000.png', 'SNB'][3:] == ['90', '0', '0']
    assert [float(n) for n in rows['000.png', 'ANB'][3:5]] == pytest.approx([0, error], abs=1e-4)
    assert list(metrics) == [f'{name}_{what}' for name in MEASURES for what in ('MAE', 'within_95')]
    assert metrics['SNA_MAE'] == metrics['ANB_MAE'] == pytest.approx(-error)
    assert metrics['SNB_MAE'] == 0 and metrics['SNB_within_95'] == metrics['NA_within_95'] == 100
    assert metrics['SNA_within_95'] == 0, f'{error} is more than 1.96 times {deviation}'


def test_angles_are_those_of_the_object_where_pixels_are_not_square(measure):
    points = [[0, 0], [40, 0], [10, 60], [40, 40]]  # at 1 and 0.5 mm a px the angle is 45 degrees
    for unit, length in (('mm', np.hypot(30, 30)), ('px', np.hypot(30, 60))):
        _, rows = measure([sample(points, spacing=(1, 0.5))], unit=unit)
        assert rows['000.png', 'SNA'][:2] == ['deg', '45']
        assert float(rows['000.png', 'NA'][1]) == pytest.approx(length, rel=1e-4) and rows['000.png', 'NA'][0] == unit
    # S moves the angle by 1/40 a mm downwards and sd there is 0.5 mm, A by 1/sqrt(1800) along both; N by both
    _, rows = measure([sample(points, spacing=(1, 0.5))])
    gradients = np.array([0, 1 / 40]), np.array([1 / 60, 1 / 60]), np.array([1 / 60, 1 / 60 - 1 / 40])
    deviation = np.degrees(np.sqrt(sum(np.sum((part * [1, 0.5]) ** 2) for part in gradients)))
    assert float(rows['000.png', 'SNA'][2]) == pytest.approx(deviation, rel=1e-4)


def test_a_missing_landmark_is_an_empty_cell_of_its_measures_alone(measure):
    metrics, rows = measure([sample(TRUTH, visible=(1, 1, 0, 1)), sample(TRUTH, number=1)], unit='px')
    assert rows['000.png', 'SNA'][1] == '90' and rows['000.png', 'SNA'][3:] == ['', '', '']
    assert rows['000.png', 'ANB'][3] == '' and rows['000.png', 'SNB'][3:] == ['90', '0', '0']
    assert metrics['SNA_MAE'] == 0 and metrics['SNA_within_95'] == 100
    lost = [[0, 0], [40, 0], [np.nan, np.nan], [40, 40]]
    metrics, rows = measure([sample(lost)], unit='px')
    assert rows['000.png', 'SNA'][1:] == ['', '', '90', '', ''] and rows['000.png', 'SNB'][1] == '90'
    assert np.isnan([metrics['SNA_MAE'], metrics['SNA_within_95']]).all() and metrics['SNB_MAE'] == 0


def noisy(count, told=1.0, seed=0):
    generator = np.random.default_rng(seed)
    return [sample(TRUTH + generator.normal(0, 0.5, (4, 2)), told * 0.25, i) for i in range(count)]


def test_95_per_cent_are_within_where_the_covariances_are_right(measure):
    metrics, _ = measure(noisy(2000), unit='px')
    assert all(93.5 < metrics[f'{name}_within_95'] < 96.5 for name in MEASURES)
    metrics, _ = measure(noisy(500, told=0.25), unit='px')
    assert all(60 < metrics[f'{name}_within_95'] < 75 for name in MEASURES), '0.98 deviations hold 67 %'


def test_neither_order_nor_repetition_changes_anything(measure):
    samples = noisy(5)
    expected = measure(samples, unit='px')
    assert measure([*samples[::-1], samples[3]], unit='px') == expected
    assert list(expected[1])[:5] == [*(('000.png', name) for name in MEASURES), ('001.png', 'SNA')]


def test_the_table_is_logged(measure, monkeypatch):
    said = []
    monkeypatch.setattr(MMLogger, 'info', lambda self, text: said.append(text))
    measure([sample([[0, 0], [40, 0], [40, 31], [40, 40]]), sample(TRUTH, number=1, visible=(1, 0, 1, 1))], unit='px')
    assert said[0].splitlines() == [
        'measures',
        'measure  unit   MAE  mean_sd  within_95  count  missing',
        'SNA       deg  0.00     3.34     100.00      1        1',
        'SNB       deg  0.00     2.86     100.00      1        1',
        'ANB       deg  0.00     2.40     100.00      1        1',
        'NA         px  1.00     1.41     100.00      1        1',
    ]


@pytest.mark.parametrize('measures', [{}, None])
def test_a_skeleton_without_measures_is_refused(mmpose_scope, measures):
    with pytest.raises(InputError, match='skeleton head: expected measures to write a file of, got none'):
        build('never.csv', measures).process({}, [sample(TRUTH)])


def test_mistakes(measure):
    with pytest.raises(ValueError, match="MeasureFile: expected the unit 'mm' or 'px', got 'cm'"):
        MeasureFile('a.csv', unit='cm')
    with pytest.raises(InputError, match='xray/007.png: expected a pixel_spacing'):
        measure([sample(TRUTH, number=7)])
