"""The report on a landmark set: radial errors of one instance an image."""

import numpy as np

from hybridkp.evaluation.radial_statistics import detection_rates, intervals, mean_and_deviation, radial
from hybridkp.inference import report_page, report_plots
from hybridkp.inference.report_case import ReportCase, data_uri, landmark_picture
from hybridkp.inference.report_covariances import covariance_section
from hybridkp.inference.report_landmark_errors import ReportLandmarkErrors, measure
from hybridkp.inference.report_page import NOTHING, number
from hybridkp.inference.report_source import ReportSource

THRESHOLDS = {'mm': (2, 2.5, 3, 4), 'px': (2, 5, 10, 20)}
"""Of the detection rates: those of the cephalometric challenges, and some in px."""
_DRAWS = 1000


def landmark_report(source: ReportSource, count: int) -> dict:
    """Return what a page says of a landmark set.

    Args:
        source: the result file and its annotations.
        count: how many of the worst and of the best images are drawn.
    """
    measured, unit = measure(source), source.unit
    sections = [
        _distribution(measured, source),
        _by_landmark(measured, source),
        _directions(measured, source),
        _cases(measured, source, count),
        covariance_section(measured.vectors, measured.claims, measured.scores, unit),
    ]
    return dict(
        lead=_lead(measured, source),
        tiles=_tiles(measured, unit),
        sections=[section for section in sections if section is not None],
        notes=_notes(unit),
    )


def _lead(measured: ReportLandmarkErrors, source: ReportSource) -> str:
    labelled, known = np.isfinite(measured.labels[..., 0]), np.isfinite(measured.errors)
    text = (
        f'{len(measured.images)} images with {int(labelled.sum())} labelled landmarks of {source.num_keypoints} kinds'
    )
    text += f', {int(known.sum())} of them predicted'
    readers = dict.fromkeys(
        name for annotation in source.records['annotations'] for name in annotation.get('readers') or {}
    )
    text += f'. Errors are distances from the label in {source.unit}.'
    if measured.between is not None:
        apart = number(mean_and_deviation(measured.between)[0])
        text += f' Two readers ({", ".join(readers)}) are {apart} {source.unit} apart in the mean.'
    return text


def _tiles(measured: ReportLandmarkErrors, unit: str) -> list[dict]:
    errors, thresholds = measured.errors, THRESHOLDS[unit]
    mean, deviation = mean_and_deviation(errors)
    bounds = intervals(errors, thresholds, _DRAWS, 0).tolist()
    notes = [number(value) for value in mean_and_deviation(radial(measured.points - measured.labels))]
    notes = [f'{text} px' if unit == 'mm' else '' for text in notes]
    tiles = [
        report_page.tile('Mean radial error (MRE)', mean, bounds[0], unit, note=notes[0]) | dict(first=True),
        report_page.tile('Standard deviation (SD)', deviation, unit=unit, note=notes[1]),
    ]
    rates = detection_rates(errors, thresholds)
    for threshold, rate, bound in zip(thresholds, rates, bounds[1:], strict=True):
        tiles.append(report_page.tile(f'Within {threshold:g} {unit} (SDR)', rate, bound, '%', 1, whole=100))
    return tiles


def _distribution(measured: ReportLandmarkErrors, source: ReportSource) -> dict:
    errors, unit, thresholds = measured.errors, source.unit, THRESHOLDS[source.unit]
    names, means = source.names, _means(errors)
    curve = report_plots.detection_curve(errors, unit, thresholds, _DRAWS, measured.between)
    known = errors[np.isfinite(errors)]
    rates = [number(rate, 1) for rate in detection_rates(errors, thresholds)]
    near, far = thresholds[0], thresholds[-1]
    seen = f'{rates[0]} % of the landmarks are within {near:g} {unit}, {rates[-1]} % within {far:g} {unit}'
    if known.size:
        seen += f'; one in a hundred is further away than {np.percentile(known, 99):.1f} {unit}'
        seen += f', the furthest {known.max():.1f} {unit}'
    if measured.between is not None:
        rate = detection_rates(measured.between, thresholds)[0]
        seen += f'. Two readers are within {thresholds[0]:g} {unit} of each other for {number(rate, 1)} %'
    boxes = report_plots.error_boxes(errors, names, unit)
    said = 'No landmark has an error.'
    if np.isfinite(means).any():
        worst, best = int(np.nanargmax(means)), int(np.nanargmin(means))
        said = (
            f'{names[worst]} is the hardest landmark with a mean error of {means[worst]:.2f} {unit}, {names[best]} the '
            f'easiest with {means[best]:.2f} {unit}. Box: middle half; bar: median; diamond: mean; +n: errors further '
            'out.'
        )
    blocks = [report_page.plot(curve, f'{seen}.'), report_page.plot(boxes, said)]
    return report_page.section('errors', 'How large are the errors?', blocks)


def _by_landmark(measured: ReportLandmarkErrors, source: ReportSource) -> dict:
    errors, unit, thresholds = measured.errors, source.unit, THRESHOLDS[source.unit]
    greatest = np.nanmax([*_means(errors), 1e-9])
    shifts = radial(_centers(measured.vectors))
    rows = []
    for k in [*range(errors.shape[1]), slice(None)]:
        part, last = errors[:, k], isinstance(k, slice)
        known = part[np.isfinite(part)]
        mean, deviation = mean_and_deviation(part)
        row = ['all' if last else source.names[k], report_page.bar(mean, greatest), number(deviation)]
        row.append(number(float(np.median(known))) if known.size else NOTHING)
        row += [report_page.bar(rate, 100, 1) for rate in detection_rates(part, thresholds)]
        row.append(NOTHING if last else number(float(shifts[k])))
        if measured.between is not None:
            row.append(number(mean_and_deviation(measured.between[:, k])[0]))
        rows.append([*row, str(known.size), str(part.size - known.size)])
    head = ['landmark', f'MRE ({unit})', f'SD ({unit})', f'median ({unit})']
    head += [f'within {threshold:g} {unit} (%)' for threshold in thresholds]
    head += [
        f'shift ({unit})',
        *([f'readers apart ({unit})'] if measured.between is not None else []),
        'count',
        'missing',
    ]
    text = (
        'Shift: the length of the mean error vector, what all images have in common. Missing: without a label or a '
        'prediction.'
    )
    return report_page.section('landmarks', 'Landmark by landmark', [report_page.table(head, rows, text, total=True)])


def _directions(measured: ReportLandmarkErrors, source: ReportSource) -> dict | None:
    """Make the section that takes the errors apart: what is common to all images, and how the rest scatters."""
    vectors, names, unit = measured.vectors, source.names, source.unit
    if not (np.isfinite(vectors).all(axis=-1).sum(axis=0) > 2).any():
        return None
    predicted = _centers(measured.claims) if np.isfinite(measured.claims).any() else None
    plot = report_plots.error_ellipses(vectors, predicted, names, unit)
    centers = _centers(vectors)
    squares = _means(np.square(vectors).sum(axis=-1))
    common = 100 * float(np.nansum(np.square(centers)) / np.nansum(squares)) if np.nansum(squares) else float('nan')
    greatest = int(np.nanargmax(radial(centers)))
    x, y = centers[greatest]
    towards = ' and '.join(
        f'{abs(value):.2f} {unit} {ends[int(value > 0)]}'
        for value, ends in ((x, ('left', 'right')), (y, ('up', 'down')))
    )
    said = (
        f'{number(common, 1)} % of the mean squared error is a shift that all images share; it is greatest at '
        f'{names[greatest]}, {towards}. The rest scatters as the solid ellipses say (one sigma, about the mean error, '
        '+); outliers widen them.'
    )
    if predicted is not None:
        said += ' The dashed ones are what the predictions claim in the mean, about the label.'
    block = report_page.plot(plot, said, wide=True)
    return report_page.section('directions', 'Where do the errors point?', [block])


def _cases(measured: ReportLandmarkErrors, source: ReportSource, count: int) -> dict | None:
    """Make the section of the worst and the best images."""
    if source.folder is None or not count:
        return None
    means = _means(measured.errors.T)
    order = [int(i) for i in np.argsort(-means, kind='stable') if np.isfinite(means[i])]
    if not order:
        return None
    worst = order[: min(count, -(-len(order) // 2))]
    best = order[::-1][: min(count, len(order) // 2)]
    blocks = [
        report_page.cases(title, [_case(measured, source, i) for i in rows], large=True)
        for title, rows in (('The largest mean errors, the worst first', worst), ('The smallest, the best first', best))
        if rows
    ]
    text = (
        'Cross: label; dot: prediction with its one-sigma ellipse; line: error. At the right the worst landmark of the '
        'image, with its 95 % ellipse as well.'
    )
    return report_page.section('cases', 'Best and worst images', blocks, text)


def _case(measured: ReportLandmarkErrors, source: ReportSource, row: int) -> dict:
    image, errors, unit = measured.images[row], measured.errors[row], source.unit
    worst = int(np.nanargmax(errors))
    case = ReportCase(
        *(part[row] for part in (measured.labels, measured.points, measured.covariances, measured.scores))
    )
    picture = landmark_picture(source.picture(image), case, source.meta, source.spacing(image), worst)
    name = source.image_name(image)
    return dict(
        source=data_uri(picture),
        width=picture.shape[1],
        height=picture.shape[0],
        name=name,
        text=f'mean error {np.nanmean(errors):.2f} {unit}; worst: {source.names[worst]}, {errors[worst]:.2f} {unit}',
        alt=f'Labels and predictions in {name}, and a close-up of {source.names[worst]}',
    )


def _means(values: np.ndarray) -> np.ndarray:
    """Return the means (K,) of values (N, K) that are finite."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def _centers(values: np.ndarray) -> np.ndarray:
    return _means(values.reshape(len(values), -1)).reshape(values.shape[1:])


def _notes(unit: str) -> list[str]:
    notes = [
        'MRE, SD and SDR: Wang et al., Evaluation and comparison of anatomical landmark detection methods for '
        'cephalometric X-ray images, IEEE TMI 2015, equations 2 to 4. Average precision is not given: it needs one '
        "sigma a landmark, the annotators' scatter, which landmark sets do not come with.",
        f'95 %: percentiles of a bootstrap over whole images, {_DRAWS} draws.',
    ]
    if unit == 'px':
        notes.append('In px, as the annotations give no pixel spacing for every image.')
    return notes
