"""Algebra of upright boxes; every function is differentiable, batched and stays on its device."""

import math

import torch
from torch import Tensor

EPSILON = 1e-7

AREA_OF_BOX = 0.53
"""The area of a person over that of their box, where it is not known: the mean of COCO's, as in mmpose."""


def to_corners(boxes: Tensor) -> Tensor:
    """Turn boxes (..., 4) of centre x, centre y, width and height into left, top, right and bottom."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """Turn boxes (..., 4) of left, top, right and bottom into centre x, centre y, width and height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), dim=-1)


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersections over unions (..., M, N) of all pairs of boxes (..., M, 4) and (..., N, 4).

    Boxes are left, top, right and bottom. Two boxes without an area have 0.
    """
    low = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    high = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(dim=-1) for boxes in (first, second)]
    union = areas[0][..., :, None] + areas[1][..., None, :] - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def complete_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the complete intersections over unions (...) of pairs of boxes (..., 4), at most 1.

    Boxes are centre x, centre y, width and height. The intersection over the union less the squared distance of the
    centres, relative to the enclosing box's diagonal, less a term for different aspects, whose weight has no gradient;
    Zheng et al. 2020, "Distance-IoU loss: faster and better learning for bounding box regression", equations 7 to 11.
    """
    first, second = to_corners(predicted), to_corners(target)
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    (w1, h1), (w2, h2) = ((box[..., 2] - box[..., 0], box[..., 3] - box[..., 1] + EPSILON) for box in (first, second))
    iou = shared / (w1 * h1 + w2 * h2 - shared + EPSILON)
    enclosing = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    shift = (second[..., :2] + second[..., 2:] - first[..., :2] - first[..., 2:]) / 2
    distance = shift.square().sum(dim=-1) / (enclosing.square().sum(dim=-1) + EPSILON)
    aspect = (4 / math.pi**2) * (torch.atan(w2 / h2) - torch.atan(w1 / h1)).square()
    weight = (aspect / (aspect - iou + 1 + EPSILON)).detach()
    return iou - distance - weight * aspect
