"""How well each keypoint is placed, by itself; numpy alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybridkp.evaluation.coco_evaluation import CocoEvaluation
from hybridkp.evaluation.text_table import Row


class KeypointPrecision(NamedTuple):
    """Measures (K,) of the keypoints, NaN where a keypoint is labelled nowhere.

    The average precisions are those that COCO's evaluation gives if a person had this keypoint only: people are found
    anew, by its similarity alone, and whoever has it not labelled is ignored. Sorted by scores of whole poses, a
    detection at a second person's wrist is wrong for the wrist and may be right for the shoulder.
    """

    ap: np.ndarray
    """The average precision over the thresholds 0.5 to 0.95."""
    ap50: np.ndarray
    """At the similarity 0.5."""
    ap75: np.ndarray
    """At the similarity 0.75."""
    similarity: np.ndarray
    """The mean of those who are found, by the whole pose, at 0.5."""
    near: np.ndarray
    """Which share of the same is at least 0.5."""
    count: np.ndarray
    """How many labelled keypoints of those who are found there are; the two above are over these."""


def keypoint_precision(evaluation: CocoEvaluation) -> KeypointPrecision:
    """Measure each keypoint of an evaluation by itself."""
    alone = [evaluation.alone(i).accumulation.measures() for i in range(len(evaluation.sigmas))]
    measures = np.array([[one[name] for name in ('AP', 'AP .5', 'AP .75')] for one in alone]).reshape(-1, 3)
    similarities = evaluation.similarities(evaluation.partners_at(0.5))
    known = np.isfinite(similarities)
    counts = known.sum(axis=0)
    sums = [np.where(known, values, 0).sum(axis=0) for values in (similarities, similarities >= 0.5)]
    means = [np.where(counts > 0, part / np.maximum(counts, 1), np.nan) for part in sums]
    return KeypointPrecision(*np.where(measures < 0, np.nan, measures).T, *means, counts)


def keypoint_table(evaluation: CocoEvaluation, names: Sequence[str]) -> list[Row]:
    """Return a table of the keypoints' measures: a heading, a row for each of K names, and one for the whole pose."""
    rows = [['keypoint', 'AP', 'AP .5', 'AP .75', 'similarity', 'at least .5', 'count']]
    columns = [column.tolist() for column in keypoint_precision(evaluation)]
    rows += [[name, *values] for name, *values in zip(names, *columns, strict=True)]
    measures = evaluation.accumulation.measures()
    whole = [measures[name] if measures[name] >= 0 else float('nan') for name in rows[0][1:4]]
    similarities = evaluation.similarities(evaluation.partners_at(0.5))
    known = similarities[np.isfinite(similarities)]
    means = [float(values.mean()) if values.size else float('nan') for values in (known, known >= 0.5)]
    return [*rows, ['all', *whole, *means, known.size]]
