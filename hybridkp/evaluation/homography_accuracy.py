"""The metric of homographies that are found by interest points."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS

from hybridkp.evaluation.homography_estimation import (
    area_under_curve,
    corner_error,
    describe,
    estimate_homography,
    match,
)
from hybridkp.evaluation.repeatability import mean_interval
from hybridkp.evaluation.view_points import pairs_of_views, shared_points


@METRICS.register_module()
class HomographyAccuracy(BaseMetric):
    """Measure how well the points of two views tell the homography between them, whichever detector found them.

    The points that `PointRepeatability` counts get SIFT's descriptors, all of one size and with the direction of the
    grey values' centroid; each other's nearest neighbours are matched and OpenCV's USAC (MAGSAC++) estimates a
    homography. A pair's error is the mean distance in px at which the true and the estimated homography see the first
    view's corners. ``AUC_3px`` is the area under the share of pairs below each error, up to 3 px, in per cent;
    ``_low`` and ``_high`` are the ends of a 95 % interval from a bootstrap over pairs.

    The first argument of `process` holds the views' images, ``inputs``, each (3, h, w), uint8, BGR.

    Args:
        points: how many points of a view count.
        radius: no two of them are nearer than this, in px.
        thresholds: of the error, in px.
        margin: points nearer than this to an edge of either view do not count, in px.
        size: of the descriptors, in px of OpenCV's keypoints.
        bootstrap: how often the pairs are drawn; 0 for no intervals.
        seed: of the draws.

    Raises:
        ValueError: a number is too small.
    """

    default_prefix = 'homography'

    def __init__(
        self,
        points: int = 300,
        radius: float = 4.0,
        thresholds: Sequence[float] = (1, 3, 5),
        margin: float = 8.0,
        size: float = 4.0,
        bootstrap: int = 1000,
        seed: int = 0,
    ):
        if points < 1 or min(*thresholds, size) <= 0 or min(radius, margin, bootstrap) < 0:
            raise ValueError(
                'HomographyAccuracy: expected at least 1 point, thresholds and a size above 0 and a radius, margin and '
                f'bootstrap of at least 0, got {points}, {tuple(thresholds)}, {size}, {radius}, {margin}, {bootstrap}'
            )
        super().__init__(collect_device='cpu')
        self.points, self.radius, self.thresholds, self.margin = points, radius, tuple(thresholds), margin
        self.size, self.bootstrap, self.seed = size, bootstrap, seed

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the points of each view that count and describe them."""
        for image, sample in zip(data_batch['inputs'], data_samples, strict=True):
            points = shared_points(sample, self.points, self.radius, self.margin)
            described = describe(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), points, self.size)
            view = dict(key=(sample['pair'], sample['view']), points=points, descriptors=described)
            view |= dict(homography=np.asarray(sample['homography']), size=tuple(sample['view_sizes'][0]))
            self.results.append(view)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the areas and their intervals."""
        self.errors = np.array([_error(first, second) for first, second in pairs_of_views(results)])
        metrics = {}
        for threshold in self.thresholds:
            name, shares = f'AUC_{threshold:g}px', 100 * np.clip(1 - self.errors / threshold, 0, 1)
            _, low, high = mean_interval(shares, self.bootstrap, self.seed)
            metrics |= {name: 100 * area_under_curve(self.errors, threshold), f'{name}_low': low, f'{name}_high': high}
        return metrics


def _error(first: dict, second: dict) -> float:
    """Return the corner error in px of what the points of two views estimate."""
    matches = match(first['descriptors'], second['descriptors'])
    estimated = estimate_homography(first['points'][matches[:, 0]], second['points'][matches[:, 1]])
    return corner_error(estimated, first['homography'], first['size'])
