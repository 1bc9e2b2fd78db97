"""Angles and distances of points that have covariances, with their standard deviations.

A measure is a function of points (..., K, 2) in px or mm, x to the right and y downwards; angles are in degrees. Where
points coincide it is undefined and NaN (a distance is 0 there), and its standard deviation is NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

Measure = Callable[[Tensor], Tensor]
"""Points (..., K, 2) -> values (...)."""
DIFFERENCE = 'difference'
"""The kind of measure that is taken of two others."""


def propagate(measure: Measure, points: Tensor, covariances: Tensor) -> tuple[Tensor, Tensor]:
    """Return a measure (...) of points and its standard deviation (...), to first order.

    The variance is g^T S g, summed over the K points, with the measure's gradient g by a point and that point's
    covariance S: JCGM 100:2008 (GUM), equation 13, where points of different landmarks are independent. A landmark
    that comes in twice, as in a difference of two angles, has one gradient, so that what its two parts share cancels.
    First order holds as long as the points' standard deviations are small against the distances between the points
    and, of an angle, where it is several standard deviations away from 0 and 180 degrees.

    Args:
        measure: what is measured, of points (..., K, 2), each of the batch for itself.
        points: (..., K, 2).
        covariances: (..., K, 2, 2), in the points' unit squared.
    """
    batch = points.shape[:-2]
    gradients, values = vmap(grad_and_value(measure))(points.reshape(-1, *points.shape[-2:]))
    gradients = gradients.reshape(points.shape)
    variances = torch.einsum('...ki,...kij,...kj->...', gradients, covariances, gradients)
    values = values.reshape(batch)
    return values, torch.where(values.isnan(), torch.nan, variances.clamp(min=0).sqrt())


def angle(points: Tensor) -> Tensor:
    """Return the angles (...) at the second of three points (..., 3, 2), 0 to 180 degrees."""
    first, middle, last = points.unbind(dim=-2)
    return _between(first - middle, last - middle)


def line_angle(points: Tensor) -> Tensor:
    """Return the angles (...) between the directions A to B and C to D of points (..., 4, 2), 0 to 180 degrees."""
    a, b, c, d = points.unbind(dim=-2)
    return _between(b - a, d - c)


def distance(points: Tensor) -> Tensor:
    """Return the distances (...) of two points (..., 2, 2), in their unit."""
    return _length(points[..., 1, :] - points[..., 0, :])


def point_to_line(points: Tensor) -> Tensor:
    """Return the signed distances (...) of P from the line through A and B, points (..., 3, 2), in their unit.

    Who looks from A to B has a positive P on the right, as an image is seen, with y downwards.
    """
    point, a, b = points.unbind(dim=-2)
    return _cross(b - a, point - a) / _length(b - a)


class _Kind(NamedTuple):
    measure: Measure
    count: int
    is_angle: bool


KINDS = {
    'angle': _Kind(angle, 3, True),
    'distance': _Kind(distance, 2, False),
    'point_to_line': _Kind(point_to_line, 3, False),
    'line_angle': _Kind(line_angle, 4, True),
}
"""The kinds of measures that are taken of landmarks: the function, of how many points, whether it is an angle."""


def landmarks(name: str, definitions: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the landmarks that a measure is taken of, each once.

    Args:
        name: the measure.
        definitions: of all measures by their names: (kind, landmark, ...) or ('difference', measure, measure).
    """
    kind, *parts = definitions[name]
    if kind == DIFFERENCE:
        parts = [landmark for part in parts for landmark in landmarks(part, definitions)]
    return tuple(dict.fromkeys(parts))


def is_angle(name: str, definitions: Mapping[str, Sequence[str]]) -> bool:
    """Say whether a measure is in degrees rather than in the points' unit; definitions as in `landmarks`."""
    kind, *parts = definitions[name]
    return is_angle(parts[0], definitions) if kind == DIFFERENCE else KINDS[kind].is_angle


def compose(name: str, definitions: Mapping[str, Sequence[str]], order: Sequence[str]) -> Measure:
    """Build the measure of points (..., K, 2) of K landmarks in an order; definitions as in `landmarks`."""
    kind, *parts = definitions[name]
    if kind == DIFFERENCE:
        first, second = (compose(part, definitions, order) for part in parts)
        return lambda points: first(points) - second(points)
    chosen = [list(order).index(part) for part in parts]
    return lambda points: KINDS[kind].measure(torch.stack([points[..., i, :] for i in chosen], dim=-2))


def _between(first: Tensor, second: Tensor) -> Tensor:
    """Return the angles between vectors; at 0 and 180 degrees the gradient is that of one side, never 0."""
    across, along = _cross(first, second), (first * second).sum(dim=-1)
    turn = torch.rad2deg(torch.atan2(across, along))
    turn = torch.where(turn < 0, -turn, turn)
    return torch.where((across == 0) & (along == 0), torch.nan, turn)


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _length(vectors: Tensor) -> Tensor:
    return torch.hypot(vectors[..., 0], vectors[..., 1])
