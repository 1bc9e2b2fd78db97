"""The plots of a report, as SVG elements in the page's colours."""

from collections.abc import Sequence

import numpy as np

from hybridkp.evaluation.coco_accumulation import RECALLS
from hybridkp.evaluation.coco_matching import THRESHOLDS
from hybridkp.evaluation.radial_statistics import detection_rates, intervals
from hybridkp.inference.report_svg import PAGE, inline_svg, page_figure, page_style

_CALIBRATION = {
    '#c03020': 'second',
    '#e08a1e': 'jitter',
    '#2a6fa8': 'first',
    '#7a4fa3': 'third',
    '#555555': 'muted',
    '#d4d4d4': 'band',
    '#808080': 'muted',
    '#606060': 'muted',
    '#a0a0a0': 'muted',
}
_ERRORS = {'#a6c8e0': 'band', '#30506a': 'first', '#c03020': 'second', '#208040': 'fourth'}
"""The page's colours for those of plots that are also made as files of their own."""
_SIZE = (5.6, 4.0)
_COLUMNS = 5
_WIDEST = 3.0
"""An ellipse that reaches further than so many times the median is cut off, so that the others can be seen."""
_BINS = np.linspace(0, 1, 21)


def precision_recall(precision: np.ndarray) -> str:
    """Plot precisions (T, 101) at COCO's thresholds and recalls, three of them with their average precision."""
    with page_style():
        figure, axes = page_figure(_SIZE)
        styles = {0.5: ('first', '-'), 0.75: ('second', '--'), 0.9: ('third', '-.')}
        for threshold, curve in zip(THRESHOLDS.round(2), precision, strict=True):
            if threshold not in styles:
                axes.plot(RECALLS, curve, color=PAGE['muted'], linewidth=0.8, alpha=0.55)
        axes.plot([], [], color=PAGE['muted'], linewidth=0.8, alpha=0.55, label='other thresholds')
        for threshold, curve in zip(THRESHOLDS.round(2), precision, strict=True):
            if threshold in styles:
                color, line = styles[threshold]
                label = f'OKS {threshold:.2f}: AP {curve.mean():.3f}'
                axes.plot(RECALLS, curve, color=PAGE[color], linestyle=line, linewidth=2.2, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel='recall', ylabel='precision')
        figure.legend(loc='outside upper center', fontsize=9, ncols=2)
        return inline_svg(figure, 'precision', 'Precision and recall at three thresholds of the similarity')


def similarity_histogram(similarities: np.ndarray, missed: int, one: str, many: str) -> str:
    """Plot how similar the detections are (N,), and how many have none; `one` of `many` is what they are of."""
    with page_style():
        figure, axes = page_figure(_SIZE)
        counts = np.histogram(similarities, _BINS)[0]
        axes.bar(_BINS[:-1], counts, width=0.05, align='edge', color=PAGE['first'], edgecolor=PAGE['card'], linewidth=1)
        if missed:
            axes.bar([-0.1], [missed], width=0.05, align='edge', color=PAGE['miss'], label='not found')
            axes.legend(loc='upper center', fontsize=9)
        top = 1.12 * max(*counts, missed, 1)
        for threshold in (0.5, 0.75):
            axes.axvline(threshold, color=PAGE['muted'], linestyle='--', linewidth=1)
            axes.text(threshold + 0.01, top, f'OKS {threshold:g}', va='top', fontsize=9, color=PAGE['muted'])
        ticks = [*([-0.075] if missed else []), 0, 0.25, 0.5, 0.75, 1]
        labels = [*(['none'] if missed else []), '0', '0.25', '0.5', '0.75', '1']
        axes.set(xlim=(-0.13 if missed else 0, 1), ylim=(0, top), xlabel=f"similarity (OKS) of the {one}'s detection")
        axes.set_ylabel(many)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_xticks(ticks, labels)
        axes.grid(False, axis='x')
        return inline_svg(figure, 'similarity', f'Histogram of the similarities of {many} and their detections')


def error_kinds(shares: dict[str, float], gains: dict[str, float]) -> str:
    """Plot how many per cent of the keypoints have errors of each kind and what AP would rise by without them."""
    with page_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.4, 0.9 + 0.5 * len(gains)), layout='constrained')
        panels = figure.subplots(1, 2, sharey=True)
        for axes, values, form in zip(panels, (shares, gains), ('{:.1f} %', '{:+.3f}'), strict=True):
            kinds = list(gains)
            bars = axes.barh(kinds, [values[kind] for kind in kinds], color=[PAGE[kind] for kind in kinds], height=0.62)
            axes.bar_label(bars, [form.format(values[kind]) for kind in kinds], padding=4, fontsize=9)
            axes.set_xlim(0, 1.28 * max(*(values[kind] for kind in kinds), 1e-3))
            axes.grid(False, axis='y')
        panels[0].invert_yaxis()
        panels[0].set_xlabel('keypoints with this error (%)')
        panels[1].set_xlabel('what AP would rise by with it corrected')
        return inline_svg(figure, 'kinds', 'Errors by their kind: how frequent, and what each costs')


def detection_curve(
    errors: np.ndarray, unit: str, thresholds: Sequence[float], draws: int, between_readers: np.ndarray | None
) -> str:
    """Plot how many per cent of errors (N, K) are within a distance, with its 95 % band, and of readers' distances."""
    known = errors[np.isfinite(errors)]
    end = max(1.5 * thresholds[-1], np.percentile(known, 98)) if known.size else 1.5 * thresholds[-1]
    distances = np.linspace(end / 120, end, 120)
    with page_style():
        figure, axes = page_figure(_SIZE)
        bounds = intervals(errors, tuple(distances), draws, 0)[1:].T
        axes.fill_between(distances, *bounds, color=PAGE['band'], linewidth=0, label='95 % interval')
        if between_readers is not None:
            rates = detection_rates(between_readers, tuple(distances))
            axes.plot(
                distances, rates, color=PAGE['second'], linestyle='--', linewidth=1.8, label='between the readers'
            )
        axes.plot(
            distances,
            detection_rates(errors, tuple(distances)),
            color=PAGE['first'],
            linewidth=2.4,
            label='predictions',
        )
        for threshold in thresholds:
            axes.axvline(threshold, color=PAGE['muted'], linestyle=':', linewidth=1)
        axes.set(xlim=(0, end), ylim=(0, 101), ylabel='landmarks within it (%)', xlabel=f'distance ({unit})')
        axes.legend(loc='lower right', fontsize=9)
        return inline_svg(figure, 'within', 'Share of the landmarks within a distance')


def error_boxes(errors: np.ndarray, names: Sequence[str], unit: str) -> str:
    """Plot errors (N, K) of K landmarks as boxes."""
    from hybridkp.inference.error_plot import draw_errors

    with page_style():
        figure, axes = page_figure((_SIZE[0], max(0.9 + 0.2 * len(names), 2.0)))
        draw_errors(axes, errors, names, unit)
        axes.grid(False, axis='y')
        return inline_svg(figure, 'boxes', 'Radial errors by landmark', _ERRORS)


def error_ellipses(vectors: np.ndarray, predicted: np.ndarray | None, names: Sequence[str], unit: str) -> str:
    """Plot for each landmark the one-sigma ellipse of errors (N, K, 2), and of mean predicted covariances (K, 2, 2)."""
    from matplotlib.figure import Figure

    rows, handles, reach = -(-len(names) // _COLUMNS), {}, [1e-6]
    with page_style():
        figure = Figure(figsize=(7.4, 0.45 + 1.5 * rows), layout='constrained')
        panels = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for k, axes in enumerate(panels):
            if k >= len(names):
                axes.set_axis_off()
                continue
            axes.axhline(0, color=PAGE['grid'], linewidth=1)
            axes.axvline(0, color=PAGE['grid'], linewidth=1)
            drawn = _landmark_ellipses(axes, vectors[:, k], None if predicted is None else predicted[k])
            handles |= {line.get_label(): line for line in drawn}
            reach += [max(np.abs(line.get_xydata()).max() for line in drawn)] if drawn else []
            axes.set_title(names[k], fontsize=9)
            axes.set_aspect('equal')
            axes.tick_params(labelsize=8)
        limit = min(1.1 * max(reach), _WIDEST * float(np.median(reach[1:] or reach)))
        panels[0].set(xlim=(-limit, limit), ylim=(limit, -limit))
        panels[0].set_ylabel(f'y ({unit})', fontsize=9)
        panels[len(names) - 1].set_xlabel(f'x ({unit})', fontsize=9)
        if handles:
            figure.legend(handles=list(handles.values()), loc='outside lower center', ncols=2, fontsize=9)
        return inline_svg(figure, 'ellipses', 'Scatter of the errors and mean predicted covariance, by landmark')


def _landmark_ellipses(axes, vectors: np.ndarray, predicted: np.ndarray | None) -> list:
    """Draw the ellipses of one landmark's errors (N, 2) and return their lines; without two errors there is none."""
    known = vectors[np.isfinite(vectors).all(axis=1)]
    if len(known) < 2:
        return []
    center = known.mean(axis=0)
    axes.plot(*center, '+', color=PAGE['first'], markersize=7)
    lines = [_ellipse(axes, center, np.cov(known.T), 'first', '-', 'errors, about their mean')]
    if predicted is not None and np.isfinite(predicted).all():
        lines.append(_ellipse(axes, (0, 0), predicted, 'second', '--', 'mean predicted covariance'))
    return lines


def _ellipse(axes, center: Sequence[float], covariance: np.ndarray, color: str, line: str, label: str):
    """Draw the one-sigma ellipse of a covariance (2, 2) and return its line."""
    turns = np.linspace(0, 2 * np.pi, 61)
    values, vectors = np.linalg.eigh(covariance)
    circle = np.stack((np.cos(turns), np.sin(turns)))
    x, y = np.reshape(center, (2, 1)) + vectors @ (np.sqrt(np.maximum(values, 0))[:, None] * circle)
    (drawn,) = axes.plot(x, y, color=PAGE[color], linestyle=line, linewidth=1.6, label=label)
    return drawn


def reliability(distances: dict[str, np.ndarray], draws: int) -> str:
    """Plot which share of errors lies in the ellipses of each level, of squared Mahalanobis distances (N, K)."""
    from hybridkp.inference.calibration_plot import draw_reliability

    with page_style():
        figure, axes = page_figure((5.6, 5.4))
        draw_reliability(axes, distances, draws, 0)
        return inline_svg(figure, 'reliability', 'Reliability diagram of the covariances', _CALIBRATION)


def risk_coverage(errors: np.ndarray, uncertainties: dict[str, np.ndarray], unit: str) -> str:
    """Plot the mean error (N, K) of what is kept as the least certain keypoints are left out."""
    from hybridkp.inference.calibration_plot import draw_risk_coverage

    with page_style():
        figure, axes = page_figure((5.6, 5.4))
        draw_risk_coverage(axes, errors, uncertainties, unit)
        axes.set_xlabel('keypoints that are kept, the most certain first (%)')
        return inline_svg(figure, 'risk', 'Mean error of the keypoints that are kept', _CALIBRATION)
