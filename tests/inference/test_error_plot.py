"""The plot of errors: a picture of the right size that holds what it should, without a window."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from hybridkp.inference.error_plot import plot_errors


def test_landmarks_are_in_their_order_from_the_top(figures):
    names = [f'landmark {i}' for i in range(29)]
    errors = np.random.default_rng(0).gamma(2, 0.7, (40, 29))
    picture = cv2.imdecode(np.frombuffer(plot_errors(errors, names, 'mm'), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 29 * 25 and (picture < 100).any()
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    bottom, top = axes.get_ylim()
    assert bottom > top and axes.get_xlabel() == 'radial error (mm)'
    assert {line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == '--'} == {2, 4}


def test_outliers_are_counted_at_the_margin(figures):
    errors = np.full((20, 3), 1.0) + np.linspace(0, 1, 20)[:, None]
    errors[:2, 1] = 500, 600
    errors[:, 2] = np.nan
    plot_errors(errors, ['a', 'b', 'c'], 'px')
    (axes,) = figures[0].axes
    assert [text.get_text().strip() for text in axes.texts] == ['+2'] and axes.texts[0].get_position()[1] == 1
    assert 2 < axes.get_xlim()[1] < 4
    assert not [line for line in axes.lines if line.get_linestyle() == '--']


@pytest.mark.parametrize('errors', [np.zeros((0, 2)), np.full((3, 2), np.nan), np.zeros((3, 2))])
def test_nothing_to_plot_is_a_plot_as_well(errors, recwarn):
    assert plot_errors(errors, ['a', 'b'], 'mm').startswith(b'\x89PNG')
    assert not recwarn.list


def test_matplotlib_is_imported_for_a_plot_only():
    program = 'import sys, hybridkp.inference.error_plot; sys.exit("matplotlib" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
