"""Torch functions that a graph for other runtimes can do without, where one is being made.

A graph has no branches that depend on values, and ONNX lacks some of torch's functions. Within `static_graph` the
functions of this package take a way that a graph can hold, with the same results up to rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_STATIC = ContextVar('static', default=False)


@contextmanager
def static_graph() -> Iterator[None]:
    """Make functions of this package take their static way in a block."""
    token = _STATIC.set(True)
    try:
        yield
    finally:
        _STATIC.reset(token)


def is_static() -> bool:
    """Tell whether a graph is being made."""
    return _STATIC.get()


def hypotenuse(first: Tensor, second: Tensor) -> Tensor:
    """Return the root of the sum of two squares, elementwise; `torch.hypot`, which ONNX lacks, or a plain root."""
    return (first * first + second * second).sqrt() if is_static() else torch.hypot(first, second)


def solve_definite(matrices: Tensor, right: Tensor) -> Tensor:
    """Solve symmetric, positive definite systems (..., n, n) of small n for right sides (..., n).

    By Cholesky's decomposition, entry by entry: n^3 / 6 operations on tensors (...), which any runtime knows. Of a
    matrix that is not definite the result is not finite.
    """
    n = matrices.shape[-1]
    factor = [[None] * n for _ in range(n)]
    for j in range(n):
        for i in range(j, n):
            rest = _less(matrices[..., i, j], factor[i][:j], factor[j][:j])
            factor[i][j] = rest.sqrt() if i == j else rest / factor[j][j]
    middle, solution = [], [None] * n
    for i in range(n):
        middle.append(_less(right[..., i], factor[i][:i], middle) / factor[i][i])
    for i in reversed(range(n)):
        column = [factor[k][i] for k in range(i + 1, n)]
        solution[i] = _less(middle[i], column, solution[i + 1 :]) / factor[i][i]
    return torch.stack(solution, dim=-1)


def _less(value: Tensor, first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Subtract the sum of products from a value."""
    for a, b in zip(first, second, strict=True):
        value = value - a * b
    return value
