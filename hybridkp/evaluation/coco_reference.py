"""The reference of a COCO keypoint evaluation: xtcocotools."""

import contextlib
import copy
import io

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from hybridkp.evaluation.coco_accumulation import summary
from hybridkp.evaluation.coco_detections import CocoDetections
from hybridkp.evaluation.coco_truth import CocoTruth


def reference_measures(
    detections: CocoDetections, truth: CocoTruth, records: dict, sigmas: np.ndarray, max_detections: int
) -> dict[str, float]:
    """Return what xtcocotools measures of detections: the ten measures of COCO.

    Args:
        detections: what to evaluate.
        truth: the people as arrays.
        records: the people as in their file.
        sigmas: of the keypoints (K,).
        max_detections: how many detections of an image and category count.
    """
    known = copy.deepcopy(dict(records, categories=[dict(id=category) for category in truth.categories]))
    with contextlib.redirect_stdout(io.StringIO()):
        people, found = COCO('', ann_data=known), COCO()
        entries = _entries(detections, truth)
        if entries:
            found = people.loadRes(entries)
        evaluation = COCOeval(people, found, 'keypoints', sigmas)
        evaluation.params.maxDets = [max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    return summary(evaluation.eval['precision'][..., 0], evaluation.eval['recall'][..., 0])


def _entries(detections: CocoDetections, truth: CocoTruth) -> list[dict]:
    """Return the detections as COCO's results; those of unknown categories are left out, as xtcocotools does."""
    scores = detections.keypoint_scores[..., None]
    triples = np.concatenate((detections.keypoints, scores), axis=2)
    return [
        dict(
            image_id=truth.images[detections.images[i]],
            category_id=truth.categories[detections.categories[i]],
            keypoints=triples[i].ravel().tolist(),
            bbox=detections.boxes[i].tolist(),
            score=float(detections.scores[i]),
        )
        for i in np.flatnonzero(detections.categories >= 0)
    ]
