"""The section of a report about covariances: whether they say how large the errors are."""

import numpy as np

from hybridkp.evaluation import calibration_statistics as statistics
from hybridkp.evaluation.radial_statistics import radial
from hybridkp.inference import report_page, report_plots

LEVELS = (0.5, 0.68, 0.9, 0.95)
_DRAWS = 1000


def covariance_section(
    vectors: np.ndarray, covariances: np.ndarray, scores: np.ndarray, unit: str, further: str = ''
) -> dict | None:
    """Make the section, or None where there is no covariance.

    Args:
        vectors: prediction minus label (N, K, 2), of N instances, NaN where there is no pair.
        covariances: (N, K, 2, 2) in the unit squared, NaN where there are none.
        scores: of the keypoints (N, K).
        unit: of the vectors.
        further: a sentence about what the errors are.
    """
    usable = _positive_definite(covariances) & np.isfinite(vectors).all(axis=-1)
    if not usable.any():
        return None
    vectors = np.where(usable[..., None], vectors, np.nan)
    covariances = np.where(usable[..., None, None], covariances, np.nan)
    parts = {'': covariances, '_isotropic': statistics.isotropic(covariances)}
    distances = {end: statistics.squared_distances(vectors, part) for end, part in parts.items()}
    errors = radial(vectors)
    orders = {'': statistics.sizes(covariances), '_score': np.where(usable, -scores, np.nan), '_oracle': errors}
    blocks = [
        report_page.plot(report_plots.reliability(distances, _DRAWS), _said_of_reliability(distances[''])),
        report_page.plot(report_plots.risk_coverage(errors, orders, unit), _said_of_risk(errors, orders, unit)),
        _table(vectors, parts, errors, unit),
    ]
    text = (
        f'A covariance is a claim about the error: its ellipse of level p should hold p of the labels. Measured on '
        f'{int(usable.sum())} keypoints with a label, a prediction and a covariance. {further}'
    )
    return report_page.section('covariances', 'Can the covariances be trusted?', blocks, text.strip())


def _table(vectors: np.ndarray, parts: dict[str, np.ndarray], errors: np.ndarray, unit: str) -> dict:
    rows = []
    for end, name in (('', 'as predicted'), ('_isotropic', 'made circles of the same size')):
        measured = statistics.summary(vectors, parts[end], LEVELS)
        shares = [report_page.number(measured[statistics.coverage_name(level)], 1) for level in LEVELS]
        rest = [report_page.number(measured['ECE'], 1), *(report_page.number(measured[k], 3) for k in ('NLL', 'area'))]
        rows.append([name, *shares, *rest])
    head = ['covariances', *(f'in {100 * level:g} % (%)' for level in LEVELS), 'ECE (%)', 'NLL']
    return report_page.table(
        [*head, f'mean area ({unit}²)'],
        rows,
        'In 50 %: how many labels lie in the ellipses of that level. ECE: the mean difference between a level and the '
        'share that its ellipse holds. NLL: the mean negative log-likelihood of the errors; less is better. Area: of '
        'the one-sigma ellipse; of two calibrated predictions the smaller one knows more.',
    )


def _said_of_reliability(distances: np.ndarray) -> str:
    """Say whether the ellipses are too small, too large or right, by the plot's band."""
    shares = np.array(statistics.coverages(distances, LEVELS))
    low, high = statistics.calibrated_band(distances, np.array(LEVELS), _DRAWS, 0).T
    held = f'The ellipses of 68 % hold {shares[1]:.1f} % of the labels, those of 95 % hold {shares[3]:.1f} %'
    if np.isnan(low).any():
        return f'{held}. One instance is too few to say whether that is by chance.'
    if (shares < low).any() and (shares > high).any():
        verdict = 'they are too large for the usual errors and too small for the large ones'
        if shares[0] < low[0]:
            verdict = 'they are too small for the usual errors and large enough for the large ones'
    elif (shares < low).any():
        verdict = 'they are too small: the predictions are overconfident'
    elif (shares > high).any():
        verdict = 'they are too large: the predictions are underconfident'
    else:
        verdict = 'that is what perfect covariances would do for so few data as well'
    return f'{held}: {verdict}. The curve of perfect covariances lies in the grey band in 95 % of the cases.'


def _said_of_risk(errors: np.ndarray, orders: dict[str, np.ndarray], unit: str) -> str:
    kept, risk = statistics.risk_coverage(errors, orders[''])
    mean, half = float(risk[-1]), float(risk[max(int(np.searchsorted(kept, 0.5)), 0)])
    areas = {end: statistics.risk_area(errors, order) for end, order in orders.items()}
    possible = mean - areas['_oracle']
    share = f', {100 * (mean - areas[""]) / possible:.0f} % of what the best order would give' if possible > 0 else ''
    ahead = 'earlier' if areas[''] <= areas['_score'] else 'later'
    return (
        f'The more certain half of the keypoints has a mean error of {half:.3g} {unit}, all have {mean:.3g} {unit}. '
        f'Over all shares, ordering by the covariance lowers the mean error by {mean - areas[""]:.2g} {unit}{share}; '
        f'large errors are seen {ahead} than by the score.'
    )


def _positive_definite(matrices: np.ndarray) -> np.ndarray:
    xx, xy, yy = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    return np.isfinite(matrices).all(axis=(-2, -1)) & (xx > 0) & (xx * yy > xy * xy)
