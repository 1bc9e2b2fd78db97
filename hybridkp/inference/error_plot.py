"""The plot of radial errors by landmark."""

import io
from collections.abc import Sequence

import numpy as np

LINES = {'mm': (2, 4), 'px': ()}
"""Errors that are marked: what cephalometry accepts at best and at worst."""


def plot_errors(errors: np.ndarray, names: Sequence[str], unit: str) -> bytes:
    """Plot errors (N, K) of K landmarks as boxes, the first landmark on top, and return a PNG.

    A box holds the middle half of a landmark's errors, its whiskers what is not further away than 1.5 times that;
    the diamond is the mean. So that a few outliers do not squeeze all boxes, the axis ends a third beyond the
    longest whisker, and at the right it says how many errors lie beyond.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.4 + 0.28 * len(names)), layout='constrained')
    axes = figure.add_subplot()
    draw_errors(axes, errors, names, unit)
    axes.grid(axis='x', color='#dddddd')
    axes.set_axisbelow(True)
    keys = 'box: middle half, bar: median, diamond: mean, +n: errors further out'
    axes.set_title(f'Radial errors of {len(errors)} instances ({keys})', fontsize=9)
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return buffer.getvalue()


def draw_errors(axes, errors: np.ndarray, names: Sequence[str], unit: str) -> None:
    """Draw what `plot_errors` plots into matplotlib's axes."""
    columns = [column[np.isfinite(column)] for column in errors.T]
    places = np.arange(len(names))
    boxes = axes.boxplot(
        [column if column.size else [np.nan] for column in columns],
        positions=places,
        orientation='horizontal',
        widths=0.6,
        patch_artist=True,
        showmeans=True,
        boxprops=dict(facecolor='#a6c8e0', edgecolor='#30506a'),
        medianprops=dict(color='#c03020', linewidth=1.6),
        meanprops=dict(marker='D', markersize=5, markerfacecolor='#c03020', markeredgecolor='white'),
        flierprops=dict(marker='o', markersize=3.5, markerfacecolor='#30506a', markeredgecolor='none'),
    )
    whiskers = [line.get_xdata().max() for line in boxes['whiskers']]
    limit = 1.33 * np.nanmax([*whiskers, 1.1 * max(LINES[unit], default=0), 1e-6])
    for place, column in zip(places, columns, strict=True):
        if beyond := int((column > limit).sum()):
            axes.text(limit, place, f' +{beyond}', va='center', fontsize=8)
    for value in LINES[unit]:
        axes.axvline(value, color='#208040', linestyle='--', linewidth=1.3, zorder=0)
    axes.set_xlim(0, limit)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel(f'radial error ({unit})')
