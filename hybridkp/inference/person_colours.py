"""Colours that people keep from one picture to the next."""

import numpy as np

LEAST_OVERLAP = 0.3
"""The intersection over the union of two boxes that may be of the same person."""


class PersonColours:
    """Numbers of colours for the people of pictures that follow one another, the same where boxes overlap most.

    Args:
        count: how many colours there are.
    """

    def __init__(self, count: int):
        self._count = count
        self._boxes, self._colours = np.zeros((0, 4)), np.zeros(0, dtype=int)

    def assign(self, boxes: np.ndarray) -> np.ndarray:
        """Give the colours (N,) of the people in boxes (N, 4), the best first, and remember them.

        Who was not there before has the first of the colours that the fewest have.
        """
        boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
        overlaps = _overlaps(boxes, self._boxes)
        colours = np.full(len(boxes), -1)
        while overlaps.size and overlaps.max() >= LEAST_OVERLAP:
            person, before = np.unravel_index(overlaps.argmax(), overlaps.shape)
            colours[person] = self._colours[before]
            overlaps[person], overlaps[:, before] = 0, 0
        used = np.bincount(colours[colours >= 0], minlength=self._count)
        for person in np.flatnonzero(colours < 0):
            colours[person] = used.argmin()
            used[colours[person]] += 1
        self._boxes, self._colours = boxes, colours
        return colours


def _overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over the union of boxes (N, 4) and (M, 4), (N, M)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-9)
