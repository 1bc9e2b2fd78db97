"""Average precision and recall of COCO from what each detection found; numpy alone.

Letters: D detections, K categories, A ranges of areas, T thresholds of the similarity, R recalls.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hybridkp.evaluation.coco_matching import AREAS, THRESHOLDS

RECALLS = np.linspace(0, 1, 101)
"""At which precisions are read."""
MEASURES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')


class CocoAccumulation(NamedTuple):
    """What is known of each detection and each unit: a category in an image, numbered category by category."""

    units: np.ndarray
    """Of the detections (D,), ascending; in a unit from the highest score to the lowest."""
    scores: np.ndarray
    """(D,)."""
    found: np.ndarray
    """(D, A, T), bool: whether somebody is found, perhaps somebody who is ignored."""
    ignored: np.ndarray
    """(D, A, T), bool: what counts neither as right nor as wrong."""
    people: np.ndarray
    """(K, images, A), how many are to be found."""

    def categories(self) -> Iterator[tuple['CocoAccumulation', np.ndarray]]:
        """Give each category's detections, the highest score first, and how many people there are (images, A)."""
        for category, people in enumerate(self.people):
            limits = category * len(people), (category + 1) * len(people)
            rows = np.arange(*np.searchsorted(self.units, limits))
            rows = rows[np.argsort(-self.scores[rows], kind='stable')]
            arrays = [values[rows] for values in self[:4]]
            arrays[0] = arrays[0] - limits[0]  # the images
            yield CocoAccumulation(*arrays, people[None]), people

    def measures(self) -> dict[str, float]:
        """Return the ten measures of COCO; -1 where there is nobody to be found."""
        return summary(*self.curves())

    def curves(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the precisions (T, R, K, A) and the last recalls (T, K, A), -1 where there is nobody to be found."""
        precision = np.full((len(THRESHOLDS), len(RECALLS), len(self.people), len(AREAS)), -1.0)
        recall = np.full((len(THRESHOLDS), len(self.people), len(AREAS)), -1.0)
        for category, (detections, people) in enumerate(self.categories()):
            for area, count in enumerate(people.sum(axis=0)):
                if count:
                    at_recalls, ends = detections._curves(area, count)
                    precision[:, :, category, area], recall[:, category, area] = at_recalls, ends
        return precision, recall

    def _curves(self, area: int, people: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the precisions (T, R) and the last recalls (T,) of sorted detections in a range of areas."""
        found, counts = self.found[:, area].T, ~self.ignored[:, area].T
        right = (found & counts).cumsum(axis=1).astype(float)
        wrong = (~found & counts).cumsum(axis=1).astype(float)
        recall, precision = right / people, right / (wrong + right + np.spacing(1))
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        at_recalls = [_at(RECALLS, *curve) for curve in zip(recall, precision, strict=True)]
        return np.stack(at_recalls), recall[:, -1] if recall.size else np.zeros(len(recall))

    def intervals(self, draws: int, seed: int) -> dict[str, tuple[float, float]]:
        """Return 95 % intervals of the measures: the percentiles of a bootstrap over the images.

        Draws without anybody to be found are left out; (-1, -1) without any other, NaN with fewer than two images.
        """
        images = self.people.shape[1]
        if images < 2:
            return dict.fromkeys(MEASURES, (float('nan'), float('nan')))
        times = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), draws)
        drawn = list(self.resampled(times))
        values = np.array([[draw[name] for name in MEASURES] for draw in drawn])
        defined = [column[column > -1] for column in values.T]
        limits = [np.percentile(column, [2.5, 97.5]) if column.size else (-1, -1) for column in defined]
        return {name: (float(low), float(high)) for name, (low, high) in zip(MEASURES, limits, strict=True)}

    def resampled(self, times: np.ndarray) -> Iterator[dict[str, float]]:
        """Give the measures with each image taken so many times (N, images), for each of the N rows.

        Only the places of those that are right matter: there the recall rises, and between them the precision falls.
        """
        curves = list(self._right_places())
        for weights in times:
            precision = np.full((len(THRESHOLDS), len(RECALLS), len(self.people), len(AREAS)), -1.0)
            recall = np.full((len(THRESHOLDS), len(self.people), len(AREAS)), -1.0)
            for (category, area, threshold), counted, right, people in curves:
                if (count := weights @ people) == 0:
                    continue
                hits = weights[counted[right]].cumsum()
                shares = hits / np.maximum(weights[counted].cumsum()[right], 1)
                highest = np.maximum.accumulate(shares[::-1])[::-1]
                precision[threshold, :, category, area] = _at(RECALLS, hits / count, highest)
                recall[threshold, category, area] = hits[-1] / count if len(hits) else 0
            yield summary(precision, recall)

    def _right_places(self) -> Iterator[tuple[tuple[int, int, int], np.ndarray, np.ndarray, np.ndarray]]:
        """Give for each curve its place, the images of what counts, the places of what is right in it, and people."""
        for category, (detections, people) in enumerate(self.categories()):
            for area in range(len(AREAS)):
                for threshold in range(len(THRESHOLDS)):
                    counted = ~detections.ignored[:, area, threshold]
                    right = np.flatnonzero(detections.found[counted, area, threshold])
                    yield (category, area, threshold), detections.units[counted], right, people[:, area]


def summary(precision: np.ndarray, recall: np.ndarray) -> dict[str, float]:
    """Return the ten measures of precisions (T, R, K, A) and recalls (T, K, A), -1 where they are undefined."""
    thresholds = {'': slice(None), ' .5': THRESHOLDS == 0.5, ' .75': THRESHOLDS == 0.75}
    areas = {f' ({name})': i for i, name in enumerate(AREAS) if name != 'all'}
    values = {}
    for name, array in (('AP', precision), ('AR', recall)):
        parts = {suffix: array[rows][..., 0] for suffix, rows in thresholds.items()}
        parts |= {suffix: array[..., i] for suffix, i in areas.items()}
        for suffix, part in parts.items():
            defined = part[part > -1]
            values[name + suffix] = float(np.mean(defined)) if defined.size else -1.0
    return values


def _at(recalls: np.ndarray, recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the precisions (R,) where an ascending recall (N,) reaches the recalls, 0 where it never does."""
    return np.append(precision, 0.0)[np.searchsorted(recall, recalls, side='left')]
