"""Checks of a skeleton: its size, sigmas, and whether its flip pairs are what a mirror exchanges."""

from collections.abc import Iterator, Sequence

import numpy as np

from hybridkp.datasets.mirror_names import mirrored_pairs
from hybridkp.inspection.finding import Finding, fail, ok, percent, warn
from hybridkp.inspection.label_table import LabelTable

SIGMAS = (0.005, 0.25)
"""OKS sigmas outside of which a slip is likely; COCO's are 0.025 to 0.107."""

SHAPES = 20
"""How many instances a comparison of mirrored shapes takes at least."""

DEVIATIONS = 0.6
"""How much a keypoint's distances to the others may differ from its partner's, in standard deviations, on average."""

SMALL = 0.05
"""How much they may in any case, as a share of the mean distance."""

WORST = 0.7
"""Share of the largest difference from which on a keypoint is named: a wrong pair makes others differ a little."""


def check_size(names: Sequence[str], num_outputs: int | None) -> Finding:
    """Compare the number of keypoints with what the head predicts."""
    if num_outputs is None:
        return warn('the config does not say how many keypoints the head predicts', 'look at model.head')
    if len(names) != num_outputs:
        return fail(
            f'the skeleton has {len(names)} keypoints, the head predicts {num_outputs}',
            'set model.head.num_keypoints to the number in the skeleton',
        )
    return ok(f'skeleton and head have {num_outputs} keypoints')


def check_sigmas(names: Sequence[str], sigmas: np.ndarray) -> Finding:
    """Look for OKS sigmas (K,) that are out of the ordinary."""
    low, high = SIGMAS
    odd = [f'{name} {sigma:g}' for name, sigma in zip(names, sigmas, strict=True) if not low <= sigma <= high]
    if odd:
        return warn(
            f'{len(odd)} OKS sigmas lie outside {low:g} to {high:g}: {", ".join(odd)}',
            'give the standard deviation of a reader over sqrt(area); COCO has 0.025 (eye) to 0.107 (hip)',
        )
    return ok(f'{len(names)} OKS sigmas, {min(sigmas):.3g} to {max(sigmas):.3g}')


def check_pair_names(names: Sequence[str], pairs: Sequence[tuple[str, str]], flips: bool) -> list[Finding]:
    """Compare flip pairs with what the names say.

    Args:
        names: the K keypoints.
        pairs: the skeleton's, left one first.
        flips: whether the config mirrors images, in training or in the test.
    """
    if not flips:
        return [ok(f'images are not mirrored; {len(pairs)} flip pairs')]
    expected, given = mirrored_pairs(names), {frozenset(pair) for pair in pairs}
    lacking = [pair for pair in expected if frozenset(pair) not in given]
    if lacking:
        text = ', '.join(f'{left} and {right}' for left, right in lacking)
        return [
            fail(
                f'images are mirrored, and {len(lacking)} pairs that the names tell are not in flip_pairs: {text}',
                'add them to the skeleton, or mirror nothing (no RandomFlip, flip_test=False)',
            )
        ]
    turned = [pair for pair in expected if tuple(pair) not in {tuple(pair) for pair in pairs}]
    findings = []
    if turned:
        text = ', '.join(f'{left} and {right}' for left, right in turned)
        findings.append(warn(f'flip pairs with the right one first: {text}', 'write the left one first'))
    if not pairs:
        findings.append(
            warn(
                'images are mirrored, and the skeleton has no flip pairs',
                'add them where left and right differ; else each keypoint has to be its own mirror image',
            )
        )
    return findings or [ok(f'images are mirrored; {len(pairs)} flip pairs, as the names tell')]


def check_pair_shapes(table: LabelTable, names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[Finding]:
    """Check on labels that mirroring with these pairs gives shapes as there are.

    Where a body is symmetric, keypoints are on average as far from each other as their partners are from each other,
    however it is turned; a keypoint without a partner is its own. And of each pair, the left keypoint is left
    or right of the right one as in the other pairs of the same instance.

    Args:
        table: the labels.
        names: the K keypoints.
        pairs: their numbers, left one first.
    """
    if len(table.ids) < SHAPES or not pairs:
        return []
    findings = [*_check_partners(table, names, pairs), *_check_order(table, names, pairs)]
    return findings or [ok(f'mirrored labels of {len(table.ids)} instances look like labels: the flip pairs fit')]


def _check_partners(table: LabelTable, names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    partners = np.arange(len(names))
    for left, right in pairs:
        partners[left], partners[right] = right, left
    away = _asymmetries(table, partners)
    wrong = (away > DEVIATIONS) & (away >= WORST * away.max())
    if wrong.any():
        odd = [i for i in np.flatnonzero(wrong | wrong[partners]) if i <= partners[i]]
        said = [f'{names[i]} and {names[partners[i]]}' if partners[i] != i else f'{names[i]} alone' for i in odd]
        yield warn(
            f'mirrored labels do not look like labels ({away.max():.1f} standard deviations); most likely wrong in '
            f'flip_pairs: {", ".join(said)}',
            'correct flip_pairs, or do not mirror images',
        )


def _asymmetries(table: LabelTable, partners: np.ndarray) -> np.ndarray:
    """Give how far each keypoint's mean distances (K,) are from its partner's, in standard deviations.

    0 where few instances tell, or where the difference is small against the body.
    """
    points = np.where(table.labelled[..., None], table.points, np.nan)
    points = points / np.sqrt(table.boxes[:, 2:].prod(axis=1)).clip(min=1)[:, None, None]
    distances = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    counts = (~np.isnan(distances)).sum(axis=0)
    known = (counts >= SHAPES) & (counts[partners][:, partners] >= SHAPES) & ~np.eye(len(partners), dtype=bool)
    means = np.nansum(distances, axis=0) / counts.clip(min=1)
    variances = np.nansum((distances - means) ** 2, axis=0) / counts.clip(min=1)
    deviations = np.sqrt((variances + variances[partners][:, partners]) / 2).clip(min=1e-6)
    differences = np.where(known, np.abs(means - means[partners][:, partners]), 0)
    number = known.sum(axis=1).clip(min=1)
    small = differences.sum(axis=1) / number < SMALL * means[known].mean() if known.any() else True
    return np.where(small, 0, (differences / deviations).sum(axis=1) / number)


def _check_order(table: LabelTable, names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    left, right = map(list, zip(*pairs, strict=True))
    both = table.labelled[:, left] & table.labelled[:, right]
    order = np.where(both, np.sign(table.points[:, left, 0] - table.points[:, right, 0]), 0)
    others = order.sum(axis=1, keepdims=True) - order
    for i, (a, b) in enumerate(pairs):
        compared = (order[:, i] != 0) & (np.abs(others[:, i]) >= 2)
        if compared.sum() < SHAPES:
            continue
        agrees = (order[compared, i] == np.sign(others[compared, i])).mean()
        if agrees < 0.3:
            yield warn(
                f'{names[a]} and {names[b]} lie as the other left and right ones do in {percent(agrees)} of instances',
                'exchange the two: in the labels, or in the skeleton',
            )
