"""The report of a result file: one HTML page that needs nothing but itself."""

from pathlib import Path

from hybridkp.evaluation.protocol import SEPARATING, described, file_hash
from hybridkp.inference import report_page
from hybridkp.inference.report_landmarks import landmark_report
from hybridkp.inference.report_people import people_report
from hybridkp.inference.report_source import ReportSource

OF_SIMILARITY = ('sigmas', 'score_mode', 'nms_threshold', 'max_detections')
"""What of a protocol does not matter for radial errors."""


def make_report(source: ReportSource, count: int) -> str:
    """Return the HTML of a report.

    Args:
        source: the result file and its annotations.
        count: how many of the worst and of the best cases are drawn.
    """
    page = landmark_report(source, count) if source.is_landmark_set else people_report(source, count)
    config = (source.protocol or {}).get('config')
    page['title'] = Path(str(config)).stem if config else Path(source.path).name
    page['warnings'] = _warnings(source)
    page['sections'].insert(0, _protocol(source))
    return report_page.render(page)


def _warnings(source: ReportSource) -> list[str]:
    """Say what makes the numbers doubtful."""
    if source.protocol is None:
        return [
            'The file does not say how it was made (it has no protocol): by which network, with which boxes, on which '
            'images. Numbers of two such files may not be comparable.'
        ]
    warnings = []
    stamped = source.protocol.get('annotations_sha256')
    if stamped and stamped != file_hash(source.ann_file):
        warnings.append(
            f'The annotations here, {source.ann_file}, are not the file that the predictions were made for, '
            f'{source.protocol.get("annotations")}, or it has changed.'
        )
    instances, found = source.protocol.get('instances'), len(source.results.entries)
    if isinstance(instances, int) and found < instances:
        warnings.append(f'The protocol says {instances} predicted instances, the file has {found}.')
    return warnings


def _protocol(source: ReportSource) -> dict:
    """Make the section that says how the numbers came about."""
    files = [('result file', Path(source.path).name), ('compared with', source.ann_file)]
    if source.folder is None:
        files.append(('images', 'not found; --img-root says where they are'))
    if source.unit == 'mm':
        pairs = filter(None, map(source.spacing, source.truth.images))
        sizes = {f'{x:g}' if x == y else f'{x:g} x {y:g}' for x, y in pairs}
        files.append(('mm per px', sizes.pop() if len(sizes) == 1 else f'{len(sizes)} different ones'))
    rows = described(source.protocol) if source.protocol else []
    left, right = rows[: len(SEPARATING)], rows[len(SEPARATING) :]
    if source.is_landmark_set:
        left = [row for row in left if row[0] not in [SEPARATING[key] for key in OF_SIMILARITY]]
    blocks = [report_page.facts(part) for part in (left, files + right) if part]
    text = (
        'First what has to be alike before two numbers may be compared, then what a comparison may be about.'
        if rows
        else ''
    )
    return report_page.section('protocol', 'How these numbers came about', blocks, text)
