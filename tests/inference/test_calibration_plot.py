"""The plots of a calibration: pictures that hold the curves they should, without a window."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from hybridkp.inference.calibration_plot import plot_reliability, plot_risk_coverage


@pytest.fixture
def distances():
    """Squared distances of 120 images: calibrated, and under variances that are four times too small."""
    calibrated = np.random.default_rng(0).exponential(2, (120, 19))
    return {'': calibrated, '_isotropic': 1.1 * calibrated, '_constant': 4 * calibrated}


def curves(axes):
    """Give the drawn lines (M, 2) by the first word of their labels."""
    return {line.get_label().split(' (')[0]: line.get_xydata() for line in axes.lines}


def test_reliability(figures, distances):
    picture = cv2.imdecode(np.frombuffer(plot_reliability(distances), np.uint8), cv2.IMREAD_COLOR)
    assert min(picture.shape[:2]) > 600 and (picture < 100).any()
    (axes,) = figures[0].axes
    drawn = curves(axes)
    assert {'prediction', 'made isotropic', 'constant'} <= set(drawn)
    for name, factor in (('prediction', 1), ('constant', 4)):
        level, share = drawn[name].T
        assert level[0] == share[0] == 0 and level[-1] == share[-1] == 100
        np.testing.assert_allclose(share, 100 * (1 - (1 - level / 100) ** (1 / factor)), atol=5)
    (band,) = axes.collections
    low, high = band.get_paths()[0].get_extents().intervaly
    assert 0 <= low < 2 and 98 < high <= 100.01
    assert axes.get_title() == 'Reliability: 2280 landmarks of 120 images'


def test_reliability_without_a_constant_and_with_gaps(figures, distances):
    distances[''][:, 3], distances[''][7] = np.nan, np.nan
    plot_reliability({'': distances['']}, draws=50)
    (axes,) = figures[0].axes
    assert not {'constant', 'made isotropic'} & set(curves(axes))
    assert axes.get_title() == f'Reliability: {119 * 18} landmarks of 119 images'


def test_risk_and_coverage(figures):
    generator = np.random.default_rng(0)
    errors = generator.gamma(2, 0.5, (50, 4))
    orders = {'': errors + generator.normal(0, 0.5, (50, 4)), '_isotropic': errors, '_oracle': errors}
    picture = plot_risk_coverage(errors, orders | {'_score': np.zeros((50, 4))}, 'mm')
    assert picture.startswith(b'\x89PNG')
    (axes,) = figures[0].axes
    drawn = curves(axes)
    assert set(drawn) == {'prediction', 'score', 'best order', 'random order'}
    for name in ('prediction', 'score', 'best order'):
        assert drawn[name][0, 0] == 5 and drawn[name][-1] == pytest.approx((100, errors.mean()))
    assert (drawn['best order'][:, 1] <= drawn['prediction'][:, 1] + 1e-9).all()
    np.testing.assert_allclose(drawn['score'][:, 1], errors.mean())
    assert axes.get_ylabel() == 'their mean radial error (mm)'
    assert axes.get_title() == 'Risk and coverage: 200 landmarks of 50 images'


@pytest.mark.parametrize('values', [np.full((3, 2), np.nan), np.ones((1, 2)), np.zeros((3, 2))])
def test_nothing_to_plot_is_a_plot_as_well(values, recwarn):
    assert plot_reliability({'': values, '_constant': values}).startswith(b'\x89PNG')
    assert plot_risk_coverage(values, {'': values, '_oracle': values}, 'px').startswith(b'\x89PNG')
    assert not recwarn.list


def test_matplotlib_is_imported_for_a_plot_only():
    program = 'import sys, hybridkp.inference.calibration_plot; sys.exit("matplotlib.figure" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
