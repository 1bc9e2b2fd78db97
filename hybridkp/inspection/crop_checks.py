"""Checks of how much boxes are enlarged or shrunk to the input's size."""

from collections.abc import Iterator

import numpy as np

from hybridkp.datasets.coco_closeups import own_keypoints
from hybridkp.inspection.data_part import DataPart
from hybridkp.inspection.finding import Finding, ok, percent, warn
from hybridkp.inspection.label_table import LabelTable

BOUNDS = (1 / 4, 1 / 2, 1, 2, 4)
"""Image px an input px, between which the shares of the crops are counted."""

ALIASED = 2.0
"""Image px an input px above which a crop that does not smooth leaves fine lines out."""


def check_crops(table: LabelTable, part: DataPart) -> Iterator[Finding]:
    """Count how boxes are scaled; nothing where the pipeline has no crop of a known size."""
    crop = part.step('TopdownAffine')
    if crop is None or not table.ids:
        return
    factors = crop_factors(table, part, crop['input_size'])
    if not len(factors):
        return
    width, height = crop['input_size']
    typical = f'the median is {np.median(factors):.2g} image px an input px'
    yield ok(f'crops to {width}x{height} (width x height): {typical}; {_histogram(factors)}')
    small, large = (factors < BOUNDS[0]).mean(), (factors > ALIASED).mean()
    if small > 0.25:
        yield warn(
            f'{percent(small)} of the crops are enlarged more than 4 times: their pixels hold little',
            'a smaller input costs less and loses nothing; or find larger images',
        )
    if large > 0.25 and part.step('SmoothDownscale') is None:
        yield warn(
            f'{percent(large)} of the crops are shrunk more than {ALIASED:g} times without smoothing',
            'put dict(type="SmoothDownscale", input_size=...) before TopdownAffine',
        )


def crop_factors(table: LabelTable, part: DataPart, input_size: tuple[int, int]) -> np.ndarray:
    """Give the image px an input px (N,), or of every look, of mmpose's ``TopdownAffine`` without augmentation.

    The crop is the box, of `CocoCloseups` that around the labelled keypoints, of each group where there are groups, or
    the region of a ``FrameRegion``, times the padding, and then as much wider or higher as the input is.
    """
    scale = part.step('GetBBoxCenterScale') or {}
    sides = table.boxes[:, 2:]
    if part.settings.get('type') == 'CocoCloseups':
        own = own_keypoints(part.settings.get('groups'), part.skeleton()[0])
        sides = np.concatenate([_sides(table.points, table.labelled & group) for group in own])
    if frame := part.step('FrameRegion'):
        left, top, right, bottom = frame['region']
        sides = table.image_sizes * [right - left, bottom - top]
    sides = sides * scale.get('padding', 1.25)
    return (sides / np.asarray(input_size)).max(axis=1)


def _sides(points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Give the sides (n, 2) of the boxes around the chosen ones (N, K) of points (N, K, 2), if there are several."""
    several = chosen.sum(axis=1) > 1
    points, chosen = points[several], chosen[several, :, None]
    return points.max(axis=1, where=chosen, initial=-np.inf) - points.min(axis=1, where=chosen, initial=np.inf)


def _histogram(factors: np.ndarray) -> str:
    """Say which shares are enlarged and shrunk how much."""
    sides = [f'{side} {much}' for side in ('enlarged', 'shrunk') for much in ('over 4x', '2-4x', '1-2x')]
    names = [*sides[:3], *sides[:2:-1]]
    shares = np.bincount(np.searchsorted(BOUNDS, factors), minlength=len(names)) / len(factors)
    return ', '.join(f'{name} {percent(share)}' for name, share in zip(names, shares, strict=True) if share)
