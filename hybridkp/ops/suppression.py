"""Greedy non-maximum suppression of batched boxes, exact, without a loop over boxes.

It needs no compiled operator: those of torchvision and mmcv are missing wherever their build is not that of torch.
"""

import torch
from torch import Tensor

from hybridkp.ops.boxes import overlaps

BLOCK = 512
"""So many boxes of an image are compared with each other at once."""


def suppress(boxes: Tensor, labels: Tensor, valid: Tensor, threshold: float, limit: int) -> Tensor:
    """Say which boxes greedy suppression keeps.

    In each image the first box takes out all of its class whose intersection over union with it is above the threshold,
    then the next of those that are left does, and so on, until `limit` boxes are kept. The result is the only set in
    which a box is kept exactly if no kept box before it takes it out, and is found by iterating that rule, which ends
    after as many rounds as the longest chain of boxes that take out each other has links (Zheng et al. 2021, "Enhancing
    geometric factors in model learning and inference for object detection", section IV, proves it). Blocks of boxes
    are taken in turn, each first compared with what is kept of those before.

    Args:
        boxes: (B, M, 4), left, top, right and bottom, best first.
        labels: (B, M), the class of each.
        valid: (B, M), bool: others are neither kept nor take out any.
        threshold: intersection over union at which both stay.
        limit: how many boxes of an image may be kept.

    Returns:
        (B, M), bool.
    """
    keep = torch.zeros_like(valid)
    kept = boxes.new_zeros(len(boxes), limit + 1, 4)  # the last place is for what there is no place for
    kinds = labels.new_full((len(boxes), limit + 1), -1)
    counts = valid.new_zeros(len(boxes), dtype=torch.long)
    for start in range(0, boxes.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        box, kind = boxes[:, part], labels[:, part]
        left = valid[:, part] & ~_taken(box, kind, kept[:, :limit], kinds[:, :limit], threshold).any(dim=2)
        left = _fixed_point(left, _taken(box, kind, box, kind, threshold).tril(-1))
        ranks = counts[:, None] + left.cumsum(dim=1)
        left &= ranks <= limit
        places = torch.where(left, ranks - 1, limit)
        kept.scatter_(1, places[..., None].expand_as(box), box)
        kinds.scatter_(1, places, torch.where(left, kind, -1))
        counts += left.sum(dim=1)
        keep[:, part] = left
        if not (valid[:, start + BLOCK :].any(dim=1) & (counts < limit)).any():
            break
    return keep


def _taken(boxes: Tensor, labels: Tensor, others: Tensor, kinds: Tensor, threshold: float) -> Tensor:
    """Say which boxes (B, M, 4) overlap which others (B, N, 4) of their class too much, (B, M, N)."""
    return (overlaps(boxes, others) > threshold) & (labels[:, :, None] == kinds[:, None])


def _fixed_point(candidates: Tensor, taken: Tensor) -> Tensor:
    """Find the kept ones of candidates (B, M): those that no kept one, (B, M, M) along the last axis, takes out."""
    keep = candidates
    while True:
        after = candidates & ~(taken & keep[:, None]).any(dim=2)
        if torch.equal(after, keep):
            return keep
        keep = after
