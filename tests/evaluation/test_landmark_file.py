"""The table of landmarks: its cells, its units, its order."""

import csv

import numpy as np
import pytest
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.landmark_file import LandmarkFile

HEADER = ['image', 'landmark', 'unit', 'x', 'y', 'sd_major', 'sd_minor', 'angle_deg', 'score']


def sample(points, covariances, number=0, spacing=None):
    pred = dict(keypoints=np.array([points], dtype=np.float32), keypoint_scores=np.full((1, len(points)), 0.5))
    pred['keypoint_covariances'] = np.array([[[[a, b], [b, c]] for a, b, c in covariances]], dtype=np.float32)
    given = {} if spacing is None else dict(pixel_spacing=np.array(spacing))
    return dict(id=number, img_path=f'xray/{number:03d}.png', pred_instances=pred, **given)


@pytest.fixture
def rows(mmpose_scope, tmp_path):
    """Write samples and read the rows of the file."""

    def of(samples, **settings):
        path = tmp_path / 'new' / 'landmarks.csv'
        metric = METRICS.build(dict(type='LandmarkFile', path=str(path), **settings))
        metric.dataset_meta = dict(keypoint_id2name={0: 'sella', 1: 'gonion, left'})
        metric.process({}, samples)
        assert metric.evaluate(len(samples)) == {}
        with open(path, newline='') as file:
            return list(csv.reader(file))

    return of


def test_px(rows):
    found = rows([sample([[10, 20.5], [30, 40]], [[9, 0, 4], [4, 0, 9]])], unit='px')
    assert found == [
        HEADER,
        ['000.png', 'sella', 'px', '10', '20.5', '3', '2', '0', '0.5'],
        ['000.png', 'gonion, left', 'px', '30', '40', '3', '2', '90', '0.5'],
    ]


def test_the_long_axis_is_measured_towards_y(rows):
    found = rows([sample([[0, 0], [0, 0]], [[2.5, 1.5, 2.5], [2.5, -1.5, 2.5]])], unit='px')
    assert [row[5:8] for row in found[1:]] == [['2', '1', '45'], ['2', '1', '-45']]


def test_millimetres_and_pixels_that_are_not_square(rows):
    """At 0.5 and 0.1 mm a px the variances (4, 25) px^2 are (1, 0.25) mm^2: the long axis is another one."""
    found = rows([sample([[10, 20], [30, 40]], [[4, 0, 25], [4, 0, 100]], spacing=(0.5, 0.1))])
    assert found[1][2:] == ['mm', '5', '2', '1', '0.5', '0', '0.5']
    assert found[2][2:5] == ['mm', '15', '4'] and found[2][5:7] == ['1', '1']


def test_neither_order_nor_repetition_changes_anything(rows):
    generator = np.random.default_rng(0)
    samples = [sample(generator.normal(50, 9, (2, 2)), [[9, 1, 4]] * 2, i) for i in range(4)]
    expected = rows(samples, unit='px')
    assert rows([*samples[::-1], samples[2]], unit='px') == expected
    assert [row[0] for row in expected[1::2]] == ['000.png', '001.png', '002.png', '003.png']


def test_what_is_not_finite_is_an_empty_cell(rows):
    (_, first, second) = rows([sample([[np.nan, 2], [3, 4]], [[np.nan] * 3, [1, 0, 1]])], unit='px')
    assert first[3:] == ['', '2', '', '', '', '0.5'] and second[3:7] == ['3', '4', '1', '1']


def test_mistakes(rows):
    with pytest.raises(ValueError, match="LandmarkFile: expected the unit 'mm' or 'px', got 'cm'"):
        LandmarkFile('a.csv', unit='cm')
    with pytest.raises(InputError, match='xray/007.png: expected a pixel_spacing'):
        rows([sample([[1, 2], [3, 4]], [[1, 0, 1]] * 2, 7)])
