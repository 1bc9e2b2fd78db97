"""The report on people, or animals: average precision, and what is wrong with their keypoints."""

import numpy as np

from hybridkp.evaluation.keypoint_precision import keypoint_precision
from hybridkp.evaluation.pose_errors import ERRORS, KINDS, MATCH, gains
from hybridkp.inference import report_page, report_plots
from hybridkp.inference.report_case import ReportCase, data_uri, panel_size, person_picture
from hybridkp.inference.report_covariances import covariance_section
from hybridkp.inference.report_page import number
from hybridkp.inference.report_poses import ReportPoses
from hybridkp.inference.report_source import ReportSource

MEASURES = {'AP': 'Average precision (AP)', 'AP .5': 'AP at OKS 0.50', 'AP .75': 'AP at OKS 0.75'}
MEASURES |= {'AP (M)': 'AP, medium size', 'AP (L)': 'AP, large', 'AR': 'Average recall (AR)'}
"""What the page begins with, by its name in an evaluation."""
LEGEND = {
    'good': 'good: similarity of at least 0.85',
    'jitter': 'jitter: near the right place',
    'inversion': 'inversion: at the mirrored keypoint',
    'swap': "swap: at somebody else's keypoint",
    'miss': 'miss: at none of these',
}
_DRAWS = 1000


def people_report(source: ReportSource, count: int) -> dict:
    """Return what a page says of people.

    Args:
        source: the result file and its annotations.
        count: how many of the worst and of the best people are drawn.
    """
    people = ReportPoses(source)
    sections = [
        _precision(people),
        _by_keypoint(people),
        _kinds(people),
        _cases(people, count),
        _covariances(people),
    ]
    return dict(
        lead=people.lead(),
        tiles=_tiles(people),
        sections=[section for section in sections if section is not None],
        notes=NOTES,
    )


def _tiles(people: ReportPoses) -> list[dict]:
    accumulation = people.evaluation.accumulation
    measures, bounds = accumulation.measures(), accumulation.intervals(_DRAWS, 0)
    tiles = []
    for key, name in MEASURES.items():
        value = measures[key] if measures[key] > -1 else float('nan')
        interval = bounds[key] if bounds[key][0] > -1 else None
        note = '' if measures[key] > -1 else 'nobody of this size'
        tiles.append(report_page.tile(name, value, interval, digits=3, whole=1, note=note))
    tiles[0]['first'] = True
    return tiles


def _precision(people: ReportPoses) -> dict:
    precision = people.evaluation.accumulation.curves()[0][..., 0]  # (T, R, categories)
    defined = (precision > -1).all(axis=(0, 1))
    precision = precision[..., defined].mean(axis=-1) if defined.any() else np.zeros(precision.shape[:2])
    measures = people.evaluation.accumulation.measures()
    similarities = people.similarities[people.labelled]
    found = similarities[np.isfinite(similarities)]
    missed = len(similarities) - len(found)
    strict, loose = measures['AR .75'], measures['AR .5']
    verdict = 'many are not found at all'
    if loose >= 0.6:
        lost = measures['AP .5'] > measures['AP .75'] + 0.25
        verdict = 'poses are found, but not exactly placed' if lost else 'most poses that are found are well placed'
    one, many = people.source.nouns
    curve = (
        f'{100 * loose:.0f} % of the {many} are found at a similarity of 0.5 and {100 * strict:.0f} % at 0.75; AP goes '
        f'from {measures["AP .5"]:.3f} to {measures["AP .75"]:.3f}: {verdict}.'
    )
    shares = [100 * float((found >= threshold).sum()) / len(similarities) for threshold in (0.75, 0.5)]
    histogram = (
        f'{shares[0]:.0f} % of the {many} have a detection of a similarity of at least 0.75, {shares[1]:.0f} % one of '
        f'at least 0.5; {missed} of {len(similarities)} have none of at least {MATCH:g}.'
    )
    bars = report_plots.similarity_histogram(found, missed, one, many)
    blocks = [
        report_page.plot(report_plots.precision_recall(precision), curve),
        report_page.plot(bars, histogram),
    ]
    return report_page.section('precision', 'How many are found, and how exactly?', blocks)


def _by_keypoint(people: ReportPoses) -> dict:
    measured, counts = keypoint_precision(people.evaluation), people.errors.counts
    whole = people.evaluation.accumulation.measures()
    mean = float(np.nansum(measured.similarity * measured.count) / max(measured.count.sum(), 1))
    rows = [
        _row(name, (measured.ap[k], measured.ap50[k], measured.ap75[k], measured.similarity[k]), counts[:, k])
        for k, name in enumerate(people.source.names)
    ]
    rows.append(_row('all', (whole['AP'], whole['AP .5'], whole['AP .75'], mean), counts.sum(axis=1)))
    head = ['keypoint', 'AP', 'AP .5', 'AP .75', 'mean OKS', 'kinds', *(f'{kind} (%)' for kind in KINDS), 'count']
    text = (
        'AP of a keypoint: as if there were no others. Mean OKS: of those who are found at 0.5. Kinds: of those who '
        f'are found at {MATCH:g}; count: how many labelled keypoints these have.'
    )
    aps = measured.ap
    said = ''
    if np.isfinite(aps).any():
        best, worst = people.source.names[int(np.nanargmax(aps))], people.source.names[int(np.nanargmin(aps))]
        said = f'{best} is placed best (AP {np.nanmax(aps):.3f}), {worst} worst (AP {np.nanmin(aps):.3f}).'
    block = report_page.table(head, rows, text, total=True, legend=list(LEGEND.items()))
    return report_page.section('keypoints', 'Keypoint by keypoint', [block], said)


def _row(name: str, values: tuple[float, ...], counts: np.ndarray) -> list:
    shares = 100 * counts / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
    cells = [report_page.bar(float(value) if value > -1 else float('nan'), 1, 3) for value in values]
    stacked = report_page.stack(dict(zip(KINDS, shares.tolist(), strict=True)))
    return [name, *cells, stacked, *(number(share, 1) for share in shares), str(int(counts.sum()))]


def _kinds(people: ReportPoses) -> dict | None:
    counts = people.errors.counts.sum(axis=1)
    if not counts.sum():
        return None
    risen = gains(people.evaluation, people.errors)
    shares = dict(zip(KINDS, (100 * counts / counts.sum()).tolist(), strict=True))
    rise = {kind: float(np.nan_to_num(risen[kind]['AP'])) for kind in ERRORS}
    frequent, costly = max(ERRORS, key=shares.get), max(ERRORS, key=rise.get)
    before = people.evaluation.accumulation.measures()['AP']
    text = f'{shares["good"]:.0f} % of the keypoints are good.'
    if shares[frequent]:
        text += f' The most frequent error is {frequent} ({shares[frequent]:.1f} %).'
    if rise[costly] > 0:
        after = before + float(np.nan_to_num(risen['all']['AP']))
        text += (
            f' The costliest is {costly}: with it corrected AP would be {before + rise[costly]:.3f} instead of '
            f'{before:.3f}, with all of them {after:.3f}. A correction takes a jitter to a similarity of 0.85 and a '
            f'miss to 0.5, not to the label; what is left beside that is {people.source.nouns[1]} that are not found, '
            'detections of nobody, and scores in the wrong order.'
        )
    plot = report_page.plot(report_plots.error_kinds(shares, rise), text, wide=True)
    return report_page.section('kinds', 'What kind of errors?', [plot])


def _cases(people: ReportPoses, count: int) -> dict | None:
    """Make the section of the worst and the best people."""
    source, truth = people.source, people.source.truth
    if source.folder is None or not count:
        return None
    labelled, similarities = people.labelled, np.nan_to_num(people.similarities)
    order = labelled[np.lexsort((-truth.areas[labelled], similarities[labelled]))]
    worst = order[: min(count, -(-len(order) // 2))]
    fewest = -(-source.num_keypoints // 2)
    rest = [person for person in order[::-1] if person not in worst]
    full = [person for person in rest if truth.labelled[person].sum() >= fewest]
    best = (full or rest)[:count]
    title = 'The most similar, the best first' + (
        f', of {source.nouns[1]} with {fewest} labels or more' if full else ''
    )
    blocks = [
        report_page.cases(title, [_case(people, int(person)) for person in rows])
        for title, rows in (('The least similar, the worst first', worst), (title, best))
        if len(rows)
    ]
    text = 'Left: the label. Right: the prediction, with one-sigma ellipses where the file has covariances.'
    return report_page.section('cases', f'Best and worst {source.nouns[1]}', blocks, text)


def _case(people: ReportPoses, person: int) -> dict:
    source, truth = people.source, people.source.truth
    finder = int(people.finders[person])
    row = finder if finder >= 0 else people.overlapping(person)
    count = source.num_keypoints
    empty = np.full((count, 2), np.nan), np.full((count, 2, 2), np.nan), np.zeros(count)
    found = people.evaluation.detections
    predicted = empty if row < 0 else (found.keypoints[row], people.covariances[row], found.keypoint_scores[row])
    labels = np.where(truth.labelled[person][:, None], truth.keypoints[person], np.nan)
    image = truth.images[int(truth.units[person]) % len(truth.images)]
    case, panel = ReportCase(labels, *predicted), panel_size(truth.boxes[people.labelled])
    picture = person_picture(source.picture(image), truth.boxes[person], case, source.meta, panel)
    text = (
        f'no prediction finds this {source.nouns[0]}'
        if row < 0
        else f'OKS below {MATCH:g}, score {found.scores[row]:.2f}'
    )
    if finder >= 0:
        kinds = people.errors.kinds[finder]
        counted = ', '.join(f'{(kinds == i).sum()} {kind}' for i, kind in enumerate(KINDS) if (kinds == i).any())
        text = f'OKS {people.similarities[person]:.2f}, score {found.scores[finder]:.2f}: {counted}'
    name = source.image_name(image)
    return dict(
        source=data_uri(picture),
        width=picture.shape[1],
        height=picture.shape[0],
        name=name,
        text=text,
        alt=f'{name}: label at the left, prediction at the right',
    )


def _covariances(people: ReportPoses) -> dict | None:
    truth, partners = people.source.truth, people.errors.partners
    rows = np.flatnonzero(partners >= 0)
    persons = partners[rows]
    scale = 100 / np.sqrt(np.maximum(truth.areas[persons], 1))
    vectors = (people.evaluation.detections.keypoints[rows] - truth.keypoints[persons]) * scale[:, None, None]
    vectors = np.where(truth.labelled[persons][..., None], vectors, np.nan)
    covariances = people.covariances[rows] * np.square(scale)[:, None, None, None]
    further = (
        f'Of {people.source.nouns[1]} that are found at a similarity of {MATCH:g}. Errors are in per cent of the size, '
        f"the root of the {people.source.nouns[0]}'s area."
    )
    return covariance_section(
        vectors, covariances, people.evaluation.detections.keypoint_scores[rows], '% of size', further
    )


NOTES = [
    'OKS: the object keypoint similarity, the mean of exp(-d² / (2 area (2 sigma)²)) over the labelled keypoints. AP '
    'and AR: means over the thresholds 0.50, 0.55, ... 0.95; medium: 32² to 96² px², large: above. Lin et al., COCO '
    '2016 keypoint evaluation.',
    f'95 %: percentiles of a bootstrap over images, {_DRAWS} draws.',
    'Kinds of errors: Ronchi & Perona, Benchmarking and error diagnosis in multi-instance pose estimation, ICCV 2017.',
]
