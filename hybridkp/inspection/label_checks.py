"""Checks of what labels say: boxes and keypoints within their images, doubles, counts."""

from collections.abc import Iterator, Sequence

import numpy as np

from hybridkp.inspection.finding import Finding, fail, listed, ok, percent, warn
from hybridkp.inspection.label_table import LabelTable

FEW = 10
"""How many labels a keypoint should have at least."""


def check_labels(table: LabelTable, names: Sequence[str], trains: bool) -> list[Finding]:
    """Check the labels of one annotation file.

    Args:
        table: the labels.
        names: the K keypoints.
        trains: whether a model is trained on them: then no keypoint may lack labels.
    """
    findings = list(_check_counts(table))
    if table.ids:
        findings += [*_check_boxes(table), *_check_points(table), *_check_doubles(table), *_check_areas(table)]
        findings += _check_keypoint_counts(table, names, trains)
    return findings


def _check_counts(table: LabelTable) -> Iterator[Finding]:
    if not table.ids:
        yield fail('no annotation has a bbox and a labelled keypoint', 'label some, or name another annotation file')
        return
    left = ', '.join(f'{count} {reason}' for reason, count in table.left_out.items())
    empty = len(table.files) - len(set(table.owners.tolist()))
    notes = [f'{empty} images without any'] if empty else []
    notes += [f'left out: {left}'] if left else []
    text = f'{len(table.files)} images, {len(table.ids)} instances, {table.labelled.sum()} labelled keypoints'
    yield ok('; '.join([text, *notes]))
    if unboxed := table.left_out.get('without a bbox'):
        yield warn(
            f'{unboxed} annotations have keypoints and no bbox, and are left out',
            'add a bbox (x, y, width, height); the whole image will do where it shows one instance',
        )


def _check_boxes(table: LabelTable) -> Iterator[Finding]:
    low, high = table.boxes[:, :2], table.boxes[:, :2] + table.boxes[:, 2:]
    beyond = np.maximum(-low, high - table.image_sizes).max(axis=1)
    outside = ((high <= 0) | (low >= table.image_sizes - 1)).any(axis=1)
    if outside.any():
        yield fail(
            f'{outside.sum()} boxes lie outside their image: annotations {_ids(table, outside)}',
            'correct the boxes; a data set leaves these out',
        )
    over = (beyond > 1) & ~outside
    corners = (table.boxes[:, 2:] <= table.image_sizes + 1).all(axis=1) & (table.boxes[:, 2:] > low).all(axis=1)
    if over.mean() > 0.2 and corners.all():
        yield fail(
            f'{percent(over.mean())} of the boxes leave their image, and all would fit as corners x1, y1, x2, y2',
            'write x, y, width and height',
        )
    elif over.any():
        yield warn(
            f'{over.sum()} boxes ({percent(over.mean())}) reach up to {beyond[over].max():.0f} px out of their image: '
            f'annotations {_ids(table, over)}',
            'check whether labels and images are of one size; a data set cuts the boxes off',
        )
    elif not outside.any():
        yield ok('all boxes lie in their images')


def _check_points(table: LabelTable) -> Iterator[Finding]:
    points, sizes = table.points[table.labelled], table.image_sizes[np.nonzero(table.labelled)[0]]
    outside = ((points < -1) | (points > sizes)).any(axis=1)
    if points.max() <= 1.5 and sizes.min() > 16:
        yield fail('all keypoints lie between 0 and 1.5', 'write them in px, not as fractions of the image')
        return
    if outside.mean() > 0.5:
        yield fail(
            f'{percent(outside.mean())} of the labelled keypoints lie outside their image',
            'scale the labels to the size of the image files',
        )
    elif outside.any():
        owners = np.unique(np.nonzero(table.labelled)[0][outside])
        yield warn(
            f'{outside.sum()} labelled keypoints ({percent(outside.mean())}) lie outside their image: annotations '
            f'{listed(table.ids[i] for i in owners)}',
            'correct them, or give them visibility 0; no network can find them',
        )
    else:
        yield ok('all labelled keypoints lie in their images')
    yield from _check_origins(table)
    yield from _check_points_and_boxes(table)


def _check_origins(table: LabelTable) -> Iterator[Finding]:
    origin = table.labelled & (table.points == 0).all(axis=2)
    if origin.any():
        yield warn(
            f'{origin.sum()} keypoints are labelled at exactly (0, 0): annotations {_ids(table, origin.any(axis=1))}',
            'give missing keypoints visibility 0',
        )


def _check_points_and_boxes(table: LabelTable) -> Iterator[Finding]:
    """Find keypoints that are more than a quarter of its longer side away from their box."""
    low, high = table.boxes[:, None, :2], table.boxes[:, None, :2] + table.boxes[:, None, 2:]
    distance = np.maximum(low - table.points, table.points - high).max(axis=2)
    far = (
        distance[table.labelled]
        > np.broadcast_to(table.boxes[:, None, 2:].max(axis=2) / 4, table.labelled.shape)[table.labelled]
    )
    if far.mean() > 0.01:
        yield warn(
            f'{percent(far.mean())} of the labelled keypoints are far outside their box',
            'check that boxes and keypoints belong together, and that bbox is x, y, width, height',
        )


def _check_doubles(table: LabelTable) -> Iterator[Finding]:
    rows = [(owner, points.tobytes()) for owner, points in zip(table.owners.tolist(), table.points, strict=True)]
    seen, doubles = set(), []
    for name, row in zip(table.ids, rows, strict=True):
        if row in seen:
            doubles.append(name)
        seen.add(row)
    if doubles:
        yield warn(
            f'{len(doubles)} annotations repeat the keypoints of another one in their image: {listed(doubles)}',
            'remove the doubles',
        )


def _check_areas(table: LabelTable) -> Iterator[Finding]:
    unknown, wrong = np.isnan(table.areas), table.areas <= 0
    if unknown.any():
        yield warn(
            f'{unknown.sum()} annotations have no area: {_ids(table, unknown)}',
            'add it, in px^2: AP and OKS are relative to it',
        )
    if wrong.any():
        yield warn(
            f'{wrong.sum()} annotations have an area that is not above 0: {_ids(table, wrong)}',
            'write the area in px^2: at 0 every prediction has an OKS of 0',
        )


def _check_keypoint_counts(table: LabelTable, names: Sequence[str], trains: bool) -> Iterator[Finding]:
    counts = table.labelled.sum(axis=0)
    if trains:
        yield ok('labels a keypoint: ' + ', '.join(f'{name} {n}' for name, n in zip(names, counts, strict=True)))
    never = [name for name, count in zip(names, counts, strict=True) if count == 0]
    few = [name for name, count in zip(names, counts, strict=True) if 0 < count < FEW]
    if never:
        say = fail if trains else warn
        yield say(
            f'{len(never)} keypoints are never labelled: {", ".join(never)}',
            'label them, or take them out of the skeleton' if trains else 'nothing is measured on them',
        )
    if few and trains:
        yield warn(f'{len(few)} keypoints have fewer than {FEW} labels: {", ".join(few)}', 'label more of them')


def _ids(table: LabelTable, chosen: np.ndarray) -> str:
    return listed(table.ids[i] for i in np.flatnonzero(chosen))
