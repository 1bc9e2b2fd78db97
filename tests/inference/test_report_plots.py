"""The plots of a report: they show the numbers that they are given."""

from xml.etree import ElementTree

import numpy as np
import pytest

from hybridkp.evaluation.radial_statistics import detection_rates
from hybridkp.inference import report_plots

NAN = float('nan')
GENERATOR = np.random.default_rng(0)


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_precision_and_recall(figures):
    precision = np.linspace(1, 0.1, 10)[:, None] * np.ones(101)
    ElementTree.fromstring(report_plots.precision_recall(precision))
    drawn = lines(figures[0].axes[0])
    assert {'OKS 0.50: AP 1.000', 'OKS 0.75: AP 0.500', 'OKS 0.90: AP 0.200'} <= set(drawn)
    np.testing.assert_allclose(drawn['OKS 0.75: AP 0.500'], np.column_stack((np.linspace(0, 1, 101), [0.5] * 101)))
    assert len(figures[0].axes[0].lines) == 11


@pytest.mark.parametrize('missed', [0, 3])
def test_similarities(figures, missed):
    report_plots.similarity_histogram(np.array([0.12, 0.71, 0.72, 1.0]), missed, 'person', 'people')
    heights = {round(bar.get_x(), 2): bar.get_height() for bar in figures[0].axes[0].patches}
    assert (heights[0.1], heights[0.7], heights[0.95], heights.get(-0.1)) == (1, 2, 1, missed or None)


def test_kinds_of_errors(figures):
    shares = dict(good=50.0, jitter=30.0, inversion=0.0, swap=5.0, miss=15.0)
    report_plots.error_kinds(shares, dict(jitter=0.01, inversion=0.0, swap=0.02, miss=0.1))
    left, right = figures[0].axes
    assert [bar.get_width() for bar in left.patches] == [30, 0, 5, 15]
    assert [bar.get_width() for bar in right.patches] == [0.01, 0, 0.02, 0.1]
    assert [text.get_text() for text in right.texts] == ['+0.010', '+0.000', '+0.020', '+0.100']


def test_detection_curve(figures):
    errors = GENERATOR.gamma(2, 1, (40, 5))
    report_plots.detection_curve(errors, 'mm', (2, 4), 200, 2 * errors)
    axes = figures[0].axes[0]
    drawn = lines(axes)
    distances, rates = drawn['predictions'].T
    np.testing.assert_allclose(rates, detection_rates(errors, tuple(distances)))
    assert (drawn['between the readers'][:, 1] <= rates).all()
    low, high = axes.collections[0].get_paths()[0].get_extents().intervaly
    assert 0 <= low < rates.min() + 1e-9 and high >= rates.max() - 1e-9
    report_plots.detection_curve(errors, 'px', (2, 4), 0, None)
    assert 'between the readers' not in lines(figures[1].axes[0])


def test_ellipses_are_those_of_the_errors(figures):
    vectors = GENERATOR.multivariate_normal((1, -2), [[4, 1], [1, 2]], (400, 3))
    report_plots.error_ellipses(vectors, np.stack([np.eye(2)] * 3), ['S', 'N', 'A'], 'mm')
    panels = [axes for axes in figures[0].axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ['S', 'N', 'A']
    for axes in panels:
        drawn = lines(axes)
        actual, predicted = drawn['errors, about their mean'], drawn['mean predicted covariance']
        np.testing.assert_allclose(actual.mean(axis=0), (1, -2), atol=0.4)
        assert np.ptp(actual[:, 0]) == pytest.approx(2 * 2, rel=0.15)
        assert np.ptp(actual[:, 1]) == pytest.approx(2 * np.sqrt(2), rel=0.15)
        np.testing.assert_allclose(np.hypot(*predicted.T), 1, rtol=1e-9)
        assert axes.get_ylim()[0] > axes.get_ylim()[1]  # y points down


def test_one_wide_ellipse_does_not_make_the_others_tiny(figures):
    vectors = GENERATOR.normal(0, 1, (50, 9, 2)) * np.array([1] * 8 + [100])[None, :, None]
    report_plots.error_ellipses(vectors, None, list('abcdefghi'), 'px')
    assert 2 < figures[0].axes[0].get_xlim()[1] < 5


def test_landmarks_without_errors_are_left_empty(recwarn):
    vectors = GENERATOR.normal(0, 1, (5, 2, 2))
    vectors[:, 1] = NAN
    ElementTree.fromstring(report_plots.error_ellipses(vectors, None, ['S', 'N'], 'mm'))
    ElementTree.fromstring(report_plots.error_boxes(np.hypot(*np.moveaxis(vectors, -1, 0)), ['S', 'N'], 'mm'))
    assert not [str(one.message) for one in recwarn.list if one.category is not ResourceWarning]


def test_nothing_to_plot_is_a_plot_as_well(recwarn):
    nothing = np.full((3, 2), NAN)
    for text in (
        report_plots.precision_recall(np.zeros((10, 101))),
        report_plots.similarity_histogram(np.zeros(0), 4, 'person', 'people'),
        report_plots.detection_curve(nothing, 'mm', (2, 4), 100, None),
        report_plots.error_boxes(nothing, ['S', 'N'], 'mm'),
        report_plots.error_kinds(dict(swap=0.0, miss=0.0), dict(swap=0.0, miss=0.0)),
        report_plots.reliability({'': nothing}, 10),
        report_plots.risk_coverage(nothing, {'': nothing, '_oracle': nothing}, 'mm'),
    ):
        ElementTree.fromstring(text)
    assert not [str(one.message) for one in recwarn.list if one.category is not ResourceWarning]


def test_calibration(figures):
    distances = {'': GENERATOR.exponential(2, (60, 4))}
    assert 'var(--second)' in report_plots.reliability(distances, 100)
    assert figures[0].axes[0].get_ylabel() == 'labels within it (%)'
    errors = GENERATOR.gamma(2, 1, (60, 4))
    text = report_plots.risk_coverage(errors, {'': errors, '_score': errors, '_oracle': errors}, '% of size')
    assert 'keypoints that are kept' in text and '(% of size)' in text
