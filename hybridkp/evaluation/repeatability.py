"""How well points are found again in another view of the same plane; numpy alone.

Schmid, Mohr and Bauckhage 2000, "Evaluation of interest point detectors"; Mikolajczyk et al. 2005, "A comparison of
affine region detectors". Points are (N, 2), (x, y) in px; a homography (3, 3) maps the first view's to the second's.
"""

from typing import NamedTuple

import numpy as np

_BUCKETS = 4096
"""How many points are compared with all others at once."""


class Repeatability(NamedTuple):
    """What two views have in common.

    Attributes:
        repeatability: correspondences over the smaller number of points, in [0, 1]; 0 where a view has none.
        localisation: mean distance of the correspondences in px of the second view, NaN where there are none.
        correspondences: how many points were found again.
        points: how many points each view has.
    """

    repeatability: float
    localisation: float
    correspondences: int
    points: tuple[int, int]


def map_points(points: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """Map points (N, 2) in px by a homography (3, 3); what would lie on the horizon or beyond is not finite."""
    mapped = np.asarray(points, dtype=float) @ homography[:, :2].T + homography[:, 2]
    depth = np.where(mapped[:, 2:] * np.sign(homography[2, 2] or 1) > 1e-12, mapped[:, 2:], np.nan)
    return mapped[:, :2] / depth


def is_shared(points: np.ndarray, homography: np.ndarray, sizes: tuple, margin: float = 0.0) -> np.ndarray:
    """Tell (N,) which points (N, 2) of a view lie in both views, at least `margin` px from the edges of each.

    Args:
        points: (N, 2), in px of this view.
        homography: from this view to the other one.
        sizes: (H, W) of this view and of the other one.
        margin: in px.
    """
    here, there = (
        (xy >= margin - 0.5).all(axis=1) & (xy <= np.array(size[::-1]) - 0.5 - margin).all(axis=1)
        for xy, size in zip((points, map_points(points, homography)), sizes, strict=True)
    )
    return here & there


def strongest_apart(points: np.ndarray, scores: np.ndarray, radius: float, count: int) -> np.ndarray:
    """Return the indices of the `count` best points (N, 2) of which no two are nearer than `radius` px, best first.

    The greedy suppression: who is nearer to a better one that stays goes; of equal scores the first one stays.
    """
    order = np.argsort(-scores, kind='stable')
    if radius <= 0 or not len(order):
        return order[:count]
    cells, kept = {}, []
    keys = np.floor(points / radius).astype(np.int64)
    for index in order:
        (x, y), (column, row) = points[index], keys[index]
        near = (
            other
            for cell_x in (column - 1, column, column + 1)
            for cell_y in (row - 1, row, row + 1)
            for other in cells.get((cell_x, cell_y), ())
        )
        if any((points[other, 0] - x) ** 2 + (points[other, 1] - y) ** 2 < radius**2 for other in near):
            continue
        cells.setdefault((column, row), []).append(index)
        kept.append(index)
        if len(kept) == count:
            break
    return np.array(kept, dtype=np.int64)


def correspondences(points1: np.ndarray, points2: np.ndarray, homography: np.ndarray, threshold: float) -> np.ndarray:
    """Return the distances (M,) in px of the second view between points that are each other's nearest.

    Each point of the first view (N1, 2) and of the second (N2, 2) is in one correspondence at most, and none is
    farther apart than the threshold.
    """
    if not len(points1) or not len(points2):
        return np.zeros(0)
    mapped = map_points(points1, homography)
    nearest, distances = _nearest(mapped, points2)
    back, _ = _nearest(points2, mapped)
    return distances[(back[nearest] == np.arange(len(points1))) & (distances <= threshold)]


def measure_repeatability(
    points1: np.ndarray, points2: np.ndarray, homography: np.ndarray, threshold: float
) -> Repeatability:
    """Measure points (N1, 2) and (N2, 2) of two views, of which only those that both views show should be given."""
    distances = correspondences(points1, points2, homography, threshold)
    fewer = min(len(points1), len(points2))
    return Repeatability(
        len(distances) / fewer if fewer else 0.0,
        float(distances.mean()) if len(distances) else float('nan'),
        len(distances),
        (len(points1), len(points2)),
    )


def mean_interval(values: np.ndarray, draws: int = 1000, seed: int = 0) -> tuple[float, float, float]:
    """Return the mean of one value a pair and the ends of its 95 % interval: the bootstrap's over pairs.

    Pairs whose value is not finite are left out. The interval is NaN with fewer than two pairs, the mean with none.
    """
    known = values[np.isfinite(values)]
    if len(known) < 2 or not draws:
        return float(known.mean()) if len(known) else float('nan'), float('nan'), float('nan')
    times = np.random.default_rng(seed).multinomial(len(known), np.full(len(known), 1 / len(known)), draws)
    low, high = np.percentile(times @ known / len(known), [2.5, 97.5])
    return float(known.mean()), float(low), float(high)


def _nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each point (N, 2) the index of the nearest of others (M, 2) and its distance, both (N,)."""
    index, distance = np.zeros(len(points), dtype=np.int64), np.full(len(points), np.inf)
    for start in range(0, len(points), _BUCKETS):
        part = points[start : start + _BUCKETS]
        squared = ((part[:, None] - others[None]) ** 2).sum(axis=2)
        squared = np.where(np.isnan(squared), np.inf, squared)
        index[start : start + len(part)] = squared.argmin(axis=1)
        distance[start : start + len(part)] = np.sqrt(squared.min(axis=1))
    return index, distance
