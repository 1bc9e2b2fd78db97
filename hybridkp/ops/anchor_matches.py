"""Which anchors of which cells are responsible for which boxes."""

from typing import NamedTuple

import torch
from torch import Tensor


class AnchorMatches(NamedTuple):
    """R = 5 A N candidates of a level: N boxes, A anchors, a box's own cell and its four neighbours.

    The number does not depend on the values, so that nothing waits for the device; `valid` says which ones count. They
    are ordered by own cell, left, upper, right and lower neighbour, then by anchor, then by box.
    """

    valid: Tensor
    """(R,), bool."""
    boxes: Tensor
    """(R,), the index of the box."""
    anchors: Tensor
    """(R,), the index of the anchor."""
    rows: Tensor
    """(R,), of the cell; in the grid, also where not valid."""
    columns: Tensor
    """(R,), of the cell; likewise."""


def match_anchors(boxes: Tensor, anchors: Tensor, size: tuple[int, int], limit: float = 4.0) -> AnchorMatches:
    """Match boxes with the anchors of like sides in their own cell and in the two neighbours that are nearest.

    An anchor fits a box if no side of one is `limit` times that of the other or more. A neighbour is taken where the
    centre lies in the half of its cell that touches it and at least one cell away from the grid's border; in several
    cells, a box is predicted by several rows, which is what makes trainings of such detectors quick.

    Args:
        boxes: (N, 4), centre x, centre y, width and height in cells.
        anchors: (A, 2), widths and heights in cells.
        size: (h, w) of the grid.
        limit: the ratio of sides from which on an anchor does not fit.
    """
    (height, width), (x, y) = size, boxes[:, :2].unbind(dim=1)
    ratios = boxes[None, :, 2:] / anchors[:, None]
    fits = torch.maximum(ratios, 1 / ratios).amax(dim=2) < limit
    left, up, right, down = ((side.frac() < 0.5) & (side > 1) for side in (x, y, width - x, height - y))
    near = torch.stack((torch.ones_like(left), left, up, right, down))
    columns = torch.stack((x, x - 0.5, x, x + 0.5, x)).long().clamp(0, width - 1)
    rows = torch.stack((y, y, y - 0.5, y, y + 0.5)).long().clamp(0, height - 1)
    shape = (5, len(anchors), len(boxes))
    return AnchorMatches(
        valid=(near[:, None] & fits).flatten(),
        boxes=torch.arange(shape[2], device=boxes.device).expand(shape).flatten(),
        anchors=torch.arange(shape[1], device=boxes.device)[:, None].expand(shape).flatten(),
        rows=rows[:, None].expand(shape).flatten(),
        columns=columns[:, None].expand(shape).flatten(),
    )


def last_match(cells: Tensor, valid: Tensor, count: int) -> Tensor:
    """Return for each of `count` cells the index of its last valid candidate, or -1.

    Args:
        cells: (R,), the cell that each candidate is of.
        valid: (R,), bool.
        count: how many cells there are.
    """
    order = torch.arange(len(cells), device=cells.device)
    last = order.new_full((count,), -1)
    return last.scatter_reduce_(0, cells, torch.where(valid, order, -1), 'amax')
