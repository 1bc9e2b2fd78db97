"""What an anchor of a cell predicts, as one row of numbers: its parts, and from raw numbers to input pixels."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 0.02
"""Smallest standard deviation of a regressed covariance along any axis, in cells."""


class AnchorRows(NamedTuple):
    """The parts of rows (..., 5 + C + 3K) of C classes and K keypoints, or of 3K more with covariances."""

    boxes: Tensor
    """(..., 4): centre x, centre y, width, height."""
    objectness: Tensor
    """(...)."""
    classes: Tensor
    """(..., C)."""
    keypoints: Tensor
    """(..., K, 3): x, y, confidence."""
    shapes: Tensor | None
    """(..., K, 3): raw l11, l21 and l22 of a Cholesky factor, decoded xx, xy and yy; None without covariances."""

    @classmethod
    def of(cls, rows: Tensor, classes: int, keypoints: int) -> 'AnchorRows':
        """Take rows apart; the parts are views."""
        sizes = [4, 1, classes, 3 * keypoints]
        boxes, objectness, kinds, points, *shapes = rows.split([*sizes, rows.shape[-1] - sum(sizes)], dim=-1)
        shape = shapes[0].unflatten(-1, (keypoints, 3)) if shapes[0].shape[-1] else None
        return cls(boxes, objectness.squeeze(-1), kinds, points.unflatten(-1, (keypoints, 3)), shape)

    def joined(self) -> Tensor:
        """Put the parts together again, as rows."""
        points = [part.flatten(-2) for part in (self.keypoints, self.shapes) if part is not None]
        return torch.cat((self.boxes, self.objectness[..., None], self.classes, *points), dim=-1)


def decode_map(rows: AnchorRows, anchors: Tensor, stride: int) -> AnchorRows:
    """Decode a level's raw rows to input px and probabilities.

    With s the logistic function, t the raw numbers, c the cell's column or row: centre (2 s(t) - 0.5 + c) stride, sides
    (2 s(t))^2 times the anchor's, keypoints (2 t - 0.5 + c) stride. Positions are px from the input's left and top
    border: the first pixel's centre is at 0.5.

    Args:
        rows: of a map, each part (B, A, h, w, ...).
        anchors: (A, 2), widths and heights in px.
        stride: px a cell.
    """
    height, width = rows.objectness.shape[-2:]
    device, dtype = rows.boxes.device, rows.boxes.dtype
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=dtype), torch.arange(width, device=device, dtype=dtype), indexing='ij'
    )
    cells = torch.stack((x, y), dim=-1) - 0.5
    spread = 2 * rows.boxes.sigmoid()
    boxes = torch.cat(
        ((spread[..., :2] + cells) * stride, spread[..., 2:].square() * anchors[:, None, None].to(dtype)), dim=-1
    )
    points = (2 * rows.keypoints[..., :2] + cells[..., None, :]) * stride
    keypoints = torch.cat((points, rows.keypoints[..., 2:].sigmoid()), dim=-1)
    shapes = None if rows.shapes is None else covariance_entries(rows.shapes, stride)
    return AnchorRows(boxes, rows.objectness.sigmoid(), rows.classes.sigmoid(), keypoints, shapes)


def covariance_entries(factors: Tensor, stride: int | Tensor) -> Tensor:
    """Return xx, xy, yy (..., 3) in px^2 of raw Cholesky factors l11, l21, l22 (..., 3) in cells.

    The covariance is FLOOR^2 I + L L^T with L = [[softplus(l11), 0], [l21, softplus(l22)]], definite whatever the
    numbers are.
    """
    l11, l21, l22 = F.softplus(factors[..., 0]), factors[..., 1], F.softplus(factors[..., 2])
    entries = (l11.square() + FLOOR**2, l11 * l21, l21.square() + l22.square() + FLOOR**2)
    return torch.stack(entries, dim=-1) * stride**2


def covariance_matrices(entries: Tensor) -> Tensor:
    """Return symmetric matrices (..., 2, 2) of their entries xx, xy and yy (..., 3)."""
    xx, xy, yy = entries.unbind(dim=-1)
    return torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))
