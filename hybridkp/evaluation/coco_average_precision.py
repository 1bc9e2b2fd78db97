"""COCO's average precision of keypoints, in memory."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_detections import SCORE_MODES, CocoDetections, collect, prediction, suppress
from hybridkp.evaluation.coco_evaluation import CocoEvaluation, evaluate
from hybridkp.evaluation.coco_truth import CocoTruth, arrange, read_records
from hybridkp.evaluation.keypoint_precision import keypoint_table
from hybridkp.evaluation.text_table import aligned


@METRICS.register_module()
class CocoAveragePrecision(BaseMetric):
    """Measure AP and AR of keypoints as COCO does, equal in every digit to mmpose's `CocoMetric`, without its files.

    ``AP`` and ``AR`` are over the thresholds 0.5, 0.55, ... 0.95 of the object keypoint similarity, ``AP .5`` and the
    like at one of them, ``(M)`` and ``(L)`` of people of 32^2 to 96^2 px^2 and above; -1 stands where there is nobody
    to be found. All images of the annotation file count. Detections are scored and suppressed as by `CocoMetric`.

    Predictions that are not finite are refused: the reference would take a keypoint that is NaN for one that is right.

    Args:
        ann_file: COCO keypoint annotations; None to take those that the samples bring as ``raw_ann_info``: then only
            their images count, and crowds only if they are among the samples.
        sigmas: of the keypoints; None for those of the dataset.
        max_detections: how many detections of an image count, those of the highest scores.
        score_mode: what the score of a detection is, by `CocoMetric`'s names: ``'bbox_keypoint'`` for that of its box
            times the mean of those of its keypoints that are over 0.2, ``'bbox'``, ``'keypoint'`` or ``'bbox_rle'``.
        nms_threshold: over which similarity the worse of two detections of an image is dropped; None to keep all.
        bootstrap: how often the images are drawn for 95 % intervals, ``AP_low`` to ``AP_high`` and likewise for all
            measures; 0 for none.
        table: whether the log shows the AP of each keypoint alone and how well it is placed on people who are found.
        reference: whether xtcocotools evaluates the detections instead; intervals and table are ours.
    """

    default_prefix = 'coco'
    seed = 0

    def __init__(
        self,
        ann_file: str | None = None,
        sigmas: Sequence[float] | None = None,
        max_detections: int = 20,
        score_mode: str = 'bbox_keypoint',
        nms_threshold: float | None = 0.9,
        bootstrap: int = 0,
        table: bool = False,
        reference: bool = False,
    ):
        if score_mode not in SCORE_MODES:
            raise ValueError(f'CocoAveragePrecision: expected a score_mode of {SCORE_MODES}, got {score_mode!r}')
        if max_detections < 1 or bootstrap < 0:
            raise ValueError(
                'CocoAveragePrecision: expected max_detections of at least 1 and a bootstrap of at least 0, '
                f'got {max_detections} and {bootstrap}'
            )
        super().__init__(collect_device='cpu')
        self.ann_file, self.sigmas, self.max_detections = ann_file, sigmas, max_detections
        self.score_mode, self.nms_threshold = score_mode, nms_threshold
        self.bootstrap, self.table, self.reference = bootstrap, table, reference
        self._records = self._truth = None
        if ann_file is not None:
            records = read_records(ann_file)
            self._truth, self._records = arrange(records, ann_file), records if reference else None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep a batch's keypoints, scores and boxes."""
        for sample in data_samples:
            self.results.append(prediction(sample, (self.dataset_meta or {}).get('category_ids')))
            if self.ann_file is None:
                self.results[-1].annotations = _annotations(sample)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the ten measures, their intervals, and log the table, as far as they are asked for."""
        records, truth = self._records, self._truth
        if truth is None:
            records = self._brought(results)
            truth = arrange(records, self._source)
        sigmas = self._checked_sigmas(results, truth)
        detections = self._detections(results, truth, sigmas)
        measures = None
        if self.reference:
            from hybridkp.evaluation.coco_reference import reference_measures

            measures = reference_measures(detections, truth, records, sigmas, self.max_detections)
            if not self.bootstrap and not self.table:
                return measures
        evaluation = evaluate(detections, truth, sigmas, self.max_detections)
        if self.table:
            self._report(evaluation)
        measures = measures or evaluation.accumulation.measures()
        if self.bootstrap:
            for name, (low, high) in evaluation.accumulation.intervals(self.bootstrap, self.seed).items():
                measures |= {f'{name}_low': low, f'{name}_high': high}
        return measures

    @property
    def _source(self) -> str:
        return self.ann_file or 'the annotations of the samples'

    def _brought(self, results: list) -> dict:
        """Return the annotations that the samples bring, each once, with the images of the samples."""
        every = {annotation['id']: annotation for result in results for annotation in result.annotations}
        images = [dict(id=image) for image in {result.image for result in results}]
        categories = (self.dataset_meta or {}).get('CLASSES')
        return dict(images=images, annotations=list(every.values()), categories=categories)

    def _checked_sigmas(self, results: list, truth: CocoTruth) -> np.ndarray:
        """Return the sigmas (K,), after comparing their number with that of everyone's keypoints."""
        sigmas = np.asarray(self.dataset_meta['sigmas'] if self.sigmas is None else self.sigmas)
        if len(truth.keypoints) and truth.keypoints.shape[1] != len(sigmas):
            raise InputError(
                f'{self._source}: expected {len(sigmas)} keypoints, as there are sigmas, got {truth.keypoints.shape[1]}'
            )
        for result in results:
            if result.keypoints.shape[1:] != (len(sigmas), 2):
                raise InputError(
                    f'{self._source}: image {result.image}, sample {result.id}: expected predictions of '
                    f'{len(sigmas)} keypoints (x, y), as there are sigmas, got {result.keypoints.shape[1:]}'
                )
        return sigmas

    def _detections(self, results: list, truth: CocoTruth, sigmas: np.ndarray) -> CocoDetections:
        detections = collect(results, truth, self.score_mode, self._source)
        if self.nms_threshold is not None:
            detections = suppress(detections, sigmas, self.nms_threshold)
        return detections

    def _report(self, evaluation: CocoEvaluation) -> None:
        """Log how well each keypoint is placed, by itself and on those who are found at 0.5."""
        names = self.dataset_meta.get('keypoint_id2name', {})
        rows = keypoint_table(evaluation, [names.get(i, str(i)) for i in range(len(evaluation.sigmas))])
        people = int((evaluation.partners_at(0.5) >= 0).sum())
        MMLogger.get_current_instance().info(
            f'AP of each keypoint alone, and similarity of the keypoints of {people} people who are found\n'
            f'{aligned(rows, ["", *[".3f"] * 5, ""])}'
        )


def _annotations(sample: dict) -> list[dict]:
    """Return the annotations that a sample brings."""
    given = sample.get('raw_ann_info')
    return [one for one in (given if isinstance(given, list) else [given]) if one is not None]
