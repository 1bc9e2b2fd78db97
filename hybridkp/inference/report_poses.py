"""The poses of a result file and whom they find, for a report."""

from functools import cached_property

import numpy as np

from hybridkp.evaluation.coco_evaluation import CocoEvaluation, evaluate
from hybridkp.evaluation.coco_results import without_duplicates
from hybridkp.evaluation.pose_errors import PoseErrors, classify
from hybridkp.inference.report_source import ReportSource

MAX_DETECTIONS = 20
_OVERLAP = 0.5
"""A detection that finds nobody may belong to somebody whose box overlaps so much with its own."""


class ReportPoses:
    """A result file and what an evaluation finds in it, without what its protocol says to suppress.

    G people are annotated, D detections of K keypoints count.

    Args:
        source: the result file and its annotations.
    """

    def __init__(self, source: ReportSource):
        skeleton, protocol = source.sigmas(), source.protocol or {}
        self.source, self.flip_indices = source, skeleton.flip_indices
        kept = without_duplicates(source.results, skeleton.sigmas, protocol.get('nms_threshold'))
        self.dropped = len(source.results.entries) - len(kept.entries)
        most = protocol.get('max_detections') or MAX_DETECTIONS
        self.evaluation: CocoEvaluation = evaluate(kept.detections, source.truth, skeleton.sigmas, most)
        self.covariances = kept.covariances[self.evaluation.rows]
        self.labelled = np.flatnonzero(~source.truth.ignored)

    @cached_property
    def errors(self) -> PoseErrors:
        """Return what is wrong with each keypoint."""
        return classify(self.evaluation, self.flip_indices)

    @cached_property
    def finders(self) -> np.ndarray:
        """Return which detection (G,) finds each person at the similarity `MATCH`, or -1."""
        finders = np.full(len(self.source.truth.units), -1)
        found = np.flatnonzero(self.errors.partners >= 0)
        finders[self.errors.partners[found]] = found
        return finders

    @cached_property
    def similarities(self) -> np.ndarray:
        """Return how similar each person's detection (G,) is, NaN where nobody finds it."""
        values = self.evaluation.similarities(self.errors.partners)
        known = np.isfinite(values)
        whole = np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return np.where(self.finders >= 0, np.append(whole, np.nan)[self.finders], np.nan)

    def lead(self) -> str:
        """Say what there is to find and what was predicted."""
        text = f'{len(self.source.truth.images)} images with {len(self.labelled)} labelled {self.source.nouns[1]}, '
        text += f'{len(self.source.results.entries)} predictions'
        if self.dropped:
            text += f', of which {self.dropped} are dropped as too similar to better ones'
        boxes = (self.source.protocol or {}).get('boxes')
        return f'{text}. Boxes: {boxes}.' if boxes else f'{text}.'

    def overlapping(self, person: int) -> int:
        """Return the detection that finds nobody and overlaps most with a person's box, or -1."""
        found, truth = self.evaluation.detections, self.source.truth
        rows = np.flatnonzero((self.evaluation.units == truth.units[person]) & (self.errors.partners < 0))
        boxes, box = found.boxes[rows].astype(float), truth.boxes[person]
        low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
        common = np.maximum(high - low, 0).prod(axis=1)
        overlap = common / np.maximum(boxes[:, 2:].prod(axis=1) + box[2:].prod() - common, 1e-9)
        return int(rows[overlap.argmax()]) if len(rows) and overlap.max() >= _OVERLAP else -1
