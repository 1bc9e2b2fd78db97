"""Checks of how much boxes are enlarged or shrunk to the input's size."""

from collections.abc import Iterator

import numpy as np

from hybridkp.inspection.data_part import DataPart
from hybridkp.inspection.finding import Finding, ok, percent, warn
from hybridkp.inspection.label_table import LabelTable

BOUNDS = (1 / 4, 1 / 2, 1, 2, 4)
"""Image px an input px, between which the shares of the instances are counted."""

ALIASED = 2.0
"""Image px an input px above which a crop that does not smooth leaves fine lines out."""


def check_crops(table: LabelTable, part: DataPart) -> Iterator[Finding]:
    """Count how boxes are scaled; nothing where the pipeline has no crop of a known size."""
    crop = part.step('TopdownAffine')
    if crop is None or not table.ids:
        return
    factors = crop_factors(table, part, crop['input_size'])
    width, height = crop['input_size']
    median = np.median(factors)
    typical = f'shrunk {median:.2g} times' if median > 1 else f'enlarged {1 / median:.2g} times'
    yield ok(f'crops to {width}x{height} (width x height): the median is {typical}; {_histogram(factors)}')
    small, large = (factors < BOUNDS[0]).mean(), (factors > ALIASED).mean()
    if small > 0.25:
        yield warn(
            f'{percent(small)} of the instances are enlarged more than 4 times: their pixels hold little',
            'a smaller input costs less and loses nothing; or find larger images',
        )
    if large > 0.25 and part.step('SmoothDownscale') is None:
        yield warn(
            f'{percent(large)} of the instances are shrunk more than {ALIASED:g} times without smoothing',
            'put dict(type="SmoothDownscale", input_size=...) before TopdownAffine',
        )


def crop_factors(table: LabelTable, part: DataPart, input_size: tuple[int, int]) -> np.ndarray:
    """Give the image px an input px (N,) of mmpose's ``TopdownAffine`` without augmentation.

    The crop is the box, of `CocoCloseups` that around the labelled keypoints, or the region of a ``FrameRegion``, times
    the padding, and then as much wider or higher as the input is.
    """
    scale = part.step('GetBBoxCenterScale') or {}
    sides = table.boxes[:, 2:]
    if part.settings.get('type') == 'CocoCloseups':
        labelled = np.where(table.labelled[..., None], table.points, np.nan)
        sides = np.nanmax(labelled, axis=1) - np.nanmin(labelled, axis=1)
    if frame := part.step('FrameRegion'):
        left, top, right, bottom = frame['region']
        sides = table.image_sizes * [right - left, bottom - top]
    sides = sides * scale.get('padding', 1.25)
    return (sides / np.asarray(input_size)).max(axis=1)


def _histogram(factors: np.ndarray) -> str:
    """Say which shares are enlarged and shrunk how much."""
    sides = [f'{side} {much}' for side in ('enlarged', 'shrunk') for much in ('over 4x', '2-4x', '1-2x')]
    names = [*sides[:3], *sides[:2:-1]]
    shares = np.bincount(np.searchsorted(BOUNDS, factors), minlength=len(names)) / len(factors)
    return ', '.join(f'{name} {percent(share)}' for name, share in zip(names, shares, strict=True) if share)
