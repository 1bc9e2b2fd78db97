"""The metric of interest points that are found again."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS

from hybridkp.evaluation.repeatability import mean_interval, measure_repeatability
from hybridkp.evaluation.view_points import pairs_of_views, shared_points


@METRICS.register_module()
class PointRepeatability(BaseMetric):
    """Measure which interest points of one view are found in the other view of a pair, at a fixed number of points.

    In each view the best points are taken that both views show. ``repeatability`` is the mean over the pairs of the
    correspondences over the smaller number of points, in per cent; a correspondence are two points that are each
    other's nearest and not farther apart than the threshold. ``localisation`` is their mean distance in px of the
    second view, ``correspondences`` and ``points`` are numbers a pair. ``_low`` and ``_high`` are the ends of a 95 %
    interval from a bootstrap over pairs.

    Args:
        points: how many points of a view count.
        radius: no two of them are nearer than this, in px.
        threshold: of the distance, in px.
        margin: points nearer than this to an edge of either view do not count, in px.
        bootstrap: how often the pairs are drawn; 0 for no intervals.
        seed: of the draws.

    Raises:
        ValueError: a number is too small.
    """

    default_prefix = 'points'

    def __init__(
        self,
        points: int = 300,
        radius: float = 4.0,
        threshold: float = 3.0,
        margin: float = 8.0,
        bootstrap: int = 1000,
        seed: int = 0,
    ):
        if points < 1 or threshold <= 0 or min(radius, margin, bootstrap) < 0:
            raise ValueError(
                'PointRepeatability: expected at least 1 point, a threshold above 0 and a radius, margin and bootstrap '
                f'of at least 0, got {points}, {threshold}, {radius}, {margin} and {bootstrap}'
            )
        super().__init__(collect_device='cpu')
        self.points, self.radius, self.threshold, self.margin = points, radius, threshold, margin
        self.bootstrap, self.seed = bootstrap, seed

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the points of each view that count."""
        for sample in data_samples:
            points = shared_points(sample, self.points, self.radius, self.margin)
            key = (sample['pair'], sample['view'])
            self.results.append(dict(key=key, points=points, homography=np.asarray(sample['homography'])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the means over the pairs and their intervals."""
        self.pairs = [
            measure_repeatability(first['points'], second['points'], first['homography'], self.threshold)
            for first, second in pairs_of_views(results)
        ]
        values = dict(
            repeatability=[100 * pair.repeatability for pair in self.pairs],
            localisation=[pair.localisation for pair in self.pairs],
            correspondences=[float(pair.correspondences) for pair in self.pairs],
        )
        metrics = {}
        for name, numbers in values.items():
            ends = mean_interval(np.array(numbers), self.bootstrap, self.seed)
            metrics |= dict(zip((name, f'{name}_low', f'{name}_high'), ends, strict=True))
        return metrics | dict(points=float(np.mean([pair.points for pair in self.pairs])))
