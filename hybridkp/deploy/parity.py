"""How far what a graph finds is from what torch finds on the same images."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from hybridkp.errors import InputError

TIES = 100
"""Of so many numbers one may differ more: of two peaks, or two boxes, that are equally good rounding chooses."""
SCORES, COVARIANCES = 1e-3, 0.01
"""Bounds of the differences of scores and of the relative differences of covariances."""
Fields = Mapping[str, np.ndarray]
Run = Callable[[np.ndarray], Fields]


class Parity(NamedTuple):
    """The differences of a graph to torch, each a pair: what a bound is held against, and the largest.

    Bounds are held against what is left after one in every `TIES` is left out.

    Args:
        shift: of points, and of boxes, in px of the input.
        scores: of scores.
        covariances: of covariances, relative to their traces.
        points: how many points were compared.
        images: on how many images.
    """

    shift: tuple[float, float]
    scores: tuple[float, float]
    covariances: tuple[float, float]
    points: int
    images: int

    def __str__(self) -> str:
        """Say what differs most."""
        return (
            f'{self.shift[1]:.2g} px, {self.scores[1]:.2g} in scores and {self.covariances[1]:.2g} of the covariances, '
            f'the largest of {self.points} points in {self.images} images'
        )

    def check(self, max_shift: float) -> None:
        """Refuse differences above a bound of the shift in px, or above `SCORES` or `COVARIANCES`.

        Raises:
            InputError: if one is.
        """
        bounds = (('px', self.shift, max_shift), ('in scores', self.scores, SCORES))
        bounds += (('of the covariances', self.covariances, COVARIANCES),)
        for unit, found, bound in bounds:
            if not found[0] <= bound:
                raise InputError(
                    f'onnxruntime and torch differ by {found[0]:.3g} {unit}, more than {bound:g}; the largest '
                    f'differences are {self}'
                )


def compare(graph: Run, torch: Run, images: np.ndarray, any_number: bool) -> Parity:
    """Run both on images (N, C, H, W), one by one and three at a time, and compare what they find.

    Both give, image by image, ``keypoints``, ``scores`` and ``covariances``, and perhaps ``boxes``, ``labels`` and
    ``keypoint_scores``. If there may be any number of them in an image, places with a score of 0 are empty, and each of
    torch's is compared with the nearest one; else both have the same order.
    """
    shifts, scores, covariances = [], [], []
    for step in (1, 3):
        for start in range(0, len(images), step):
            batch = images[start : start + step]
            for ours, theirs in zip(*(_by_image(run(batch), any_number) for run in (graph, torch)), strict=True):
                shift, score, relative = _differences(ours, theirs, any_number)
                shifts.append(shift)
                scores.append(score)
                covariances.append(relative)
    parts = [_decisive(np.concatenate(values)) for values in (shifts, scores, covariances)]
    return Parity(*parts, sum(map(len, shifts)) // 2, len(images))


def _by_image(fields: Fields, any_number: bool) -> Iterator[dict[str, np.ndarray]]:
    """Give what was found image by image, without empty places."""
    for index in range(len(fields['scores'])):
        found = {name: np.asarray(values[index]) for name, values in fields.items()}
        shown = found['scores'] > 0 if any_number else slice(None)
        yield {name: values[shown] for name, values in found.items()}


def _differences(ours: Fields, theirs: Fields, any_number: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the differences (P,) of an image's points in px, of scores and, relatively, of covariances.

    What only one of both finds differs infinitely.
    """
    count, expected = len(ours['scores']), len(theirs['scores'])
    if not count or not expected:
        missing = np.full(max(count, expected), np.inf)
        return missing, missing, missing
    if any_number:
        order = _nearest(ours['keypoints'], theirs['keypoints'])
        ours = {name: values[order] for name, values in ours.items()}
    shift = np.linalg.norm(ours['keypoints'] - theirs['keypoints'], axis=-1).ravel()
    if 'boxes' in ours:
        shift = np.concatenate((shift, np.abs(ours['boxes'] - theirs['boxes']).max(axis=-1)))
    names = [name for name in ('scores', 'keypoint_scores', 'labels') if name in ours]
    score = np.concatenate([np.abs(ours[name] - theirs[name]).ravel() for name in names])
    traces = np.trace(theirs['covariances'], axis1=-2, axis2=-1)
    apart = np.abs(ours['covariances'] - theirs['covariances']).max(axis=(-2, -1))
    relative = (apart / np.maximum(traces, np.finfo(np.float32).tiny)).ravel()
    extra = np.full(abs(count - expected), np.inf)
    return tuple(np.concatenate((values, extra)) for values in (shift, score, relative))


def _nearest(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return which of ours (N, 2) is nearest to each of theirs (M, 2)."""
    return np.linalg.norm(theirs[:, None].astype(np.float64) - ours[None], axis=-1).argmin(axis=1)


def _decisive(values: np.ndarray) -> tuple[float, float]:
    """Return what a bound is held against, and the largest; not a number counts as infinite."""
    if not len(values):
        return 0.0, 0.0
    values = np.sort(np.where(np.isnan(values), np.inf, values))[::-1]
    return float(values[len(values) // TIES]), float(values[0])
