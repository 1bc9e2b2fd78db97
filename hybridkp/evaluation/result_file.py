"""Predictions as a COCO result file with covariances."""

import decimal
import json
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.fileio import get_file_backend
from mmpose.registry import METRICS

from hybridkp.evaluation.coco_detections import SCORE_MODES, categories, joint_scores
from hybridkp.evaluation.sample_points import predicted_points, together

_UP, _DOWN = (decimal.Context(prec=6, rounding=rule) for rule in (decimal.ROUND_UP, decimal.ROUND_DOWN))


@METRICS.register_module()
class ResultFile(BaseMetric):
    """Write the predictions in COCO's result format, which every COCO evaluator reads.

    Each entry has ``image_id``, ``category_id``, ``keypoints`` [x, y, score, ...] in image px, ``score``, ``bbox``
    [x, y, w, h] and ``keypoint_covariances``, a list of [xx, xy, yy] in px^2 with 6 digits. Where it is known,
    ``crop_area`` is the area in px^2 by which duplicates are suppressed; nothing is suppressed in the file. What
    several closer looks at an image find is one entry, whose ``bbox`` is around its keypoints.

    The first entry has ``protocol`` as well, a dict that says how the predictions came about, see
    `protocol.build_protocol`. The file remains a plain list of COCO results: evaluators read the keys that they know
    and leave the others alone. Without entries there is no place for it.

    Args:
        path: the file, written whole or not at all.
        protocol: how the predictions came about; may be set later.
        score_mode: what the score of an entry is, as of `CocoAveragePrecision`; by default that of the box times the
            mean of the keypoint scores above 0.2, as in mmpose's `CocoMetric`.
    """

    default_prefix = ''  # none, and no warning that there is none

    def __init__(self, path: str, protocol: dict | None = None, score_mode: str = 'bbox_keypoint'):
        if score_mode not in SCORE_MODES:
            raise ValueError(f'ResultFile: expected a score_mode of {SCORE_MODES}, got {score_mode!r}')
        super().__init__(collect_device='cpu')
        self.path, self.protocol, self.score_mode = path, protocol, score_mode

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the entries of a batch, and of closer looks (see `CocoCloseups`) what they find."""
        for sample in data_samples:  # mmengine keeps as many results as there are samples
            self.results.append(self._entries(sample) if sample.get('own_keypoints') is None else _look(sample))

    def compute_metrics(self, results: list) -> dict:
        """Write the file; there is nothing to measure."""
        looks = [result for result in results if isinstance(result, dict)]
        of_samples = [result for result in results if isinstance(result, list)]
        of_samples += [self._entries(_sample(look)) for look in together(looks)]
        entries = [entry for of_one in of_samples for entry in of_one]
        if entries and self.protocol is not None:
            entries = [{**entries[0], 'protocol': self.protocol}, *entries[1:]]
        get_file_backend(backend_args=dict(backend='atomic')).put_text(json.dumps(entries), self.path)
        return {}

    def _entries(self, sample: dict) -> list[dict]:
        pred = sample['pred_instances']
        totals = joint_scores(np.asarray(pred['keypoint_scores']), np.asarray(pred['bbox_scores']), self.score_mode)
        areas, entries = _crop_areas(sample, len(totals)), []
        numbers = categories(sample, (self.dataset_meta or {}).get('category_ids'))
        for i, (points, scores) in enumerate(zip(pred['keypoints'], pred['keypoint_scores'], strict=True)):
            covariances = pred['keypoint_covariances'][i]
            corners = np.asarray(pred['bboxes'][i], dtype=float)
            entries.append(
                {
                    'image_id': int(sample['img_id']),
                    'category_id': int(numbers[i]),
                    'keypoints': _rounded(np.concatenate((points, scores[:, None]), axis=1).ravel()),
                    'score': float(totals[i]),
                    'bbox': _rounded(np.concatenate((corners[:2], corners[2:] - corners[:2]))),
                    'keypoint_covariances': [
                        _definite(*row) for row in covariances.reshape(len(points), 4)[:, [0, 1, 3]]
                    ],
                    **areas[i],
                }
            )
        return entries


def _look(sample: dict) -> dict:
    """Give what a closer look finds, to be put together with the others of its image."""
    points, covariances, scores = predicted_points(sample)
    box_scores, category = sample['pred_instances']['bbox_scores'], int(sample.get('category_id', 1))
    found = dict(points=points, covariances=covariances, scores=scores, box_scores=np.asarray(box_scores))
    return dict(key=int(sample['img_id']), category=category, **found)


def _sample(look: dict) -> dict:
    """Give what all looks at an image found as a sample, with the box around its keypoints."""
    points = look['points']
    pred = dict(keypoints=points[None], keypoint_scores=look['scores'][None], bbox_scores=look['box_scores'])
    pred |= dict(keypoint_covariances=look['covariances'][None])
    pred |= dict(bboxes=np.concatenate((points.min(axis=0), points.max(axis=0)))[None])
    return dict(img_id=look['key'], category_id=look['category'], pred_instances=pred)


def _crop_areas(sample: dict, count: int) -> list[dict]:
    """Return the areas of a sample's crops as further keys of so many entries; none where they are unknown."""
    sides = sample.get('gt_instances', {}).get('bbox_scales', None)
    if sides is None or len(sides) != count:
        return [{}] * count
    return [dict(crop_area=float(width * height)) for width, height in np.asarray(sides)]


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def _definite(xx: float, xy: float, yy: float) -> list[float]:
    """Round to 6 digits, variances up and the mixed term towards 0: a thin ellipse remains positive definite."""
    return [float(way.create_decimal(float(value))) for way, value in ((_UP, xx), (_DOWN, xy), (_UP, yy))]
