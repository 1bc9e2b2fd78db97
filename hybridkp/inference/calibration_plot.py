"""Plots that say whether covariances can be trusted: the reliability diagram and the risk-coverage curves."""

import io

import numpy as np

from hybridkp.evaluation.calibration_statistics import (
    calibrated_band,
    calibration_error,
    coverages,
    risk_area,
    risk_coverage,
)
from hybridkp.evaluation.covariance_calibration import ROWS

STYLES = {
    '': dict(color='#c03020', linewidth=2.2),
    '_isotropic': dict(color='#e08a1e', linewidth=1.8, linestyle='--'),
    '_constant': dict(color='#2a6fa8', linewidth=1.8, linestyle='-.'),
    '_score': dict(color='#7a4fa3', linewidth=1.8, linestyle='--'),
    '_oracle': dict(color='#555555', linewidth=1.4, linestyle=':'),
}
"""How what is compared is drawn, by the ends of `CovarianceCalibration`'s names."""
LEVELS = np.arange(1, 100) / 100
FEWEST = 10
"""A mean error of fewer landmarks is not drawn."""


def plot_reliability(distances: dict[str, np.ndarray], draws: int = 1000, seed: int = 0) -> bytes:
    """Plot which share of the errors lies in the ellipses of each nominal level, and return a PNG.

    The grey band is where 95 % of perfectly calibrated predictions for so many images would lie.

    Args:
        distances: squared Mahalanobis distances (N, K) of N images, by the ends of `CovarianceCalibration`'s names.
        draws: how often the images are drawn for the band.
        seed: of the draws.
    """
    figure, axes = _figure((6.2, 6.2))
    draw_reliability(axes, distances, draws, seed)
    known = np.isfinite(distances[''])
    axes.set_title(f'Reliability: {known.sum()} landmarks of {known.any(axis=1).sum()} images', fontsize=10)
    return _png(figure)


def draw_reliability(axes, distances: dict[str, np.ndarray], draws: int, seed: int) -> None:
    """Draw what `plot_reliability` plots into matplotlib's axes."""
    low, high = calibrated_band(distances[''], LEVELS, draws, seed).T
    axes.fill_between(100 * LEVELS, low, high, color='#d4d4d4', linewidth=0, label='95 % of perfect predictions')
    axes.plot([0, 100], [0, 100], color='#808080', linewidth=1)
    for end in ('_constant', '_isotropic', ''):
        if end in distances:
            label = f'{ROWS[end]} (ECE {calibration_error(distances[end]):.1f} %)'
            shares = coverages(distances[end], tuple(LEVELS))
            axes.plot([0, *(100 * LEVELS), 100], [0, *shares, 100], label=label, **STYLES[end])
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect='equal', xticks=range(0, 101, 10), yticks=range(0, 101, 10))
    axes.set_xlabel('nominal level of the ellipse (%)')
    axes.set_ylabel('labels within it (%)')
    axes.text(97, 3, 'below the diagonal: overconfident', ha='right', fontsize=9, color='#606060')
    axes.legend(loc='upper left', fontsize=9, reverse=True)


def plot_risk_coverage(errors: np.ndarray, uncertainties: dict[str, np.ndarray], unit: str) -> bytes:
    """Plot the mean of errors (N, K) of the landmarks that are kept as the least certain are left out; return a PNG.

    Args:
        errors: radial errors.
        uncertainties: (N, K) each, by the ends of `CovarianceCalibration`'s names.
        unit: of the errors.
    """
    figure, axes = _figure((7.4, 4.8))
    draw_risk_coverage(axes, errors, uncertainties, unit)
    axes.set_title(f'Risk and coverage: {np.isfinite(errors).sum()} landmarks of {len(errors)} images', fontsize=10)
    return _png(figure)


def draw_risk_coverage(axes, errors: np.ndarray, uncertainties: dict[str, np.ndarray], unit: str) -> None:
    """Draw what `plot_risk_coverage` plots into matplotlib's axes."""
    for end in ('', '_constant', '_score', '_oracle'):
        if end in uncertainties:
            kept, risk = risk_coverage(errors, uncertainties[end])
            label = f'{ROWS[end]} (AURC {risk_area(errors, uncertainties[end]):.3g} {unit})'
            axes.plot(100 * kept[FEWEST - 1 :], risk[FEWEST - 1 :], label=label, **STYLES[end])
    known = errors[np.isfinite(errors)]
    if known.size:
        mean = known.mean()
        axes.axhline(mean, color='#a0a0a0', linewidth=1, label=f'random order ({mean:.3g} {unit})')
    axes.set(xlim=(0, 100), xticks=range(0, 101, 10))
    axes.set_ylim(bottom=0)
    axes.set_xlabel('landmarks that are kept, the most certain first (%)')
    axes.set_ylabel(f'their mean radial error ({unit})')
    axes.legend(loc='lower right', fontsize=9)


def _figure(size: tuple[float, float]) -> tuple:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout='constrained')
    axes = figure.add_subplot()
    axes.grid(color='#e4e4e4')
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return buffer.getvalue()
