"""The points of one view of a pair that are measured, and both views of each pair side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from hybridkp.errors import InputError
from hybridkp.evaluation.repeatability import is_shared, strongest_apart
from hybridkp.evaluation.sample_points import each_once


def shared_points(sample: dict, count: int, radius: float, margin: float) -> np.ndarray:
    """Give a view's points (N, 2) in px that both views show, at most `count` of them, at least `radius` px apart.

    Args:
        sample: of an estimator; beside ``pred_instances`` it has ``homography`` (3, 3), from the first view to the
            second, ``view``, 0 or 1, and ``view_sizes``, both views' (h, w).
        count: the best ones by their scores are taken.
        radius: of the suppression, in px.
        margin: least distance in px from the edges of both views.

    Raises:
        InputError: the sample is no view of a pair, or a prediction is not finite.
    """
    missing = [key for key in ('pair', 'view', 'homography', 'view_sizes') if key not in sample]
    if missing:
        raise InputError(f'{sample.get("img_path")}: expected a view of a pair, got a sample without {missing}')
    found = sample['pred_instances']
    points = np.asarray(found['keypoints'], dtype=float).reshape(-1, 2)
    scores = np.asarray(found['keypoint_scores'], dtype=float).reshape(-1)
    if not np.isfinite(points).all() or not np.isfinite(scores).all():
        raise InputError(f'{sample["img_path"]}: expected predicted points that are finite')
    homography, sizes = np.asarray(sample['homography']), tuple(sample['view_sizes'])
    if sample['view'] == 1:
        homography, sizes = np.linalg.inv(homography), sizes[::-1]
    shared = is_shared(points, homography, sizes, margin)
    return points[shared][strongest_apart(points[shared], scores[shared], radius, count)]


def pairs_of_views(results: Sequence[dict]) -> Iterator[tuple[dict, dict]]:
    """Give both views of each pair, in the order of the pairs, of results with a ``key`` (pair, view).

    Raises:
        InputError: a pair has one view only.
    """
    ordered = each_once(results)
    if len(ordered) % 2:
        raise InputError(f'expected two views of every pair, got {len(ordered)} views')
    for first, second in zip(ordered[::2], ordered[1::2], strict=True):
        if (first['key'][0], first['key'][1], second['key'][1]) != (second['key'][0], 0, 1):
            raise InputError(f'expected two views of every pair, got views {first["key"]} and {second["key"]}')
        yield first, second
