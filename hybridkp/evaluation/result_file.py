"""Predictions as a COCO result file with covariances."""

import decimal
import json
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.fileio import get_file_backend
from mmpose.registry import METRICS

_UP, _DOWN = (decimal.Context(prec=6, rounding=rule) for rule in (decimal.ROUND_UP, decimal.ROUND_DOWN))


@METRICS.register_module()
class ResultFile(BaseMetric):
    """Write the predictions in COCO's result format, which every COCO evaluator reads.

    Each entry has ``image_id``, ``category_id``, ``keypoints`` [x, y, score, ...] in image px, ``score`` (the box's
    score times the mean of the keypoint scores above 0.2, as in mmpose's `CocoMetric`), ``bbox`` [x, y, w, h] and
    ``keypoint_covariances``, a list of [xx, xy, yy] in px^2 with 6 digits.

    Args:
        path: the file, written whole or not at all.
    """

    default_prefix = ''  # none, and no warning that there is none
    score_threshold = 0.2

    def __init__(self, path: str):
        super().__init__(collect_device='cpu')
        self.path = path

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the entries of a batch."""
        for sample in data_samples:
            pred = sample['pred_instances']
            for i, (points, scores) in enumerate(zip(pred['keypoints'], pred['keypoint_scores'], strict=True)):
                covariances = pred['keypoint_covariances'][i]
                corners = np.asarray(pred['bboxes'][i], dtype=float)
                confident = scores[scores > self.score_threshold]
                score = float(pred['bbox_scores'][i]) * (float(confident.mean()) if len(confident) else 0.0)
                self.results.append(
                    {
                        'image_id': int(sample['img_id']),
                        'category_id': int(sample.get('category_id', 1)),
                        'keypoints': _rounded(np.concatenate((points, scores[:, None]), axis=1).ravel()),
                        'score': score,
                        'bbox': _rounded(np.concatenate((corners[:2], corners[2:] - corners[:2]))),
                        'keypoint_covariances': [
                            _definite(*row) for row in covariances.reshape(len(points), 4)[:, [0, 1, 3]]
                        ],
                    }
                )

    def compute_metrics(self, results: list) -> dict:
        """Write the file; there is nothing to measure."""
        get_file_backend(backend_args=dict(backend='atomic')).put_text(json.dumps(results), self.path)
        return {}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def _definite(xx: float, xy: float, yy: float) -> list[float]:
    """Round to 6 digits, variances up and the mixed term towards 0: a thin ellipse remains positive definite."""
    return [float(way.create_decimal(float(value))) for way, value in ((_UP, xx), (_DOWN, xy), (_UP, yy))]
