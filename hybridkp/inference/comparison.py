"""The labels and the predictions of an image, side by side."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hybridkp.datasets.read_image import read_image
from hybridkp.evaluation.radial_statistics import radial
from hybridkp.inference.keypoint_canvas import KeypointCanvas

LEGEND = 'cross: label   dot: prediction, with its one-sigma ellipse   line: error'
NAMED = 3
"""How many of an image's worst keypoints have their names beside them."""
WIDTH = 900
"""The width in px of a picture whose enlargement nobody chose."""


@dataclass(frozen=True)
class Comparison:
    """The labels and the predictions of one image.

    They are paired in their order where there are as many of the one as of the other and, if several, their boxes
    agree; else no errors are known.

    Args:
        people: the data set's samples of the image, of one instance each.
        entries: a result file's entries of the image.
    """

    people: list[dict]
    entries: list[dict]

    @property
    def name(self) -> str:
        """Return the image file's name without its suffix."""
        return Path(self.people[0]['img_path']).stem

    @property
    def spacing(self) -> np.ndarray | None:
        """Return mm per px along x and y, (2,), or None where nobody knows."""
        return self.people[0].get('pixel_spacing')

    @property
    def unit(self) -> str:
        """Return the unit that errors of this image can be measured in: mm if a pixel's size is known, else px."""
        return 'px' if self.spacing is None else 'mm'

    @cached_property
    def vectors(self) -> np.ndarray:
        """Return prediction minus label, (N, K, 2) px, NaN where either is missing; N is 0 without pairs."""
        if len(self.people) != len(self.entries) or (len(self.people) > 1 and not self._boxes_agree()):
            return np.zeros((0, *self.people[0]['keypoints'].shape[1:]))
        labels, labelled = zip(*map(_labels, self.people), strict=True)
        points = np.stack([_points(entry)[:, :2] for entry in self.entries])
        known = np.stack(labelled) & np.isfinite(points).all(axis=-1)
        return np.where(known[..., None], points - np.stack(labels), np.nan)

    def errors(self, unit: str) -> np.ndarray:
        """Return the radial errors (N, K) in mm or px, NaN where there are none."""
        return radial(self.vectors, self.spacing if unit == 'mm' else None)

    def worst(self, count: int) -> list[tuple[int, int]]:
        """Return (person, keypoint) of the `count` greatest errors, the greatest first."""
        errors = self.errors(self.unit)
        order = np.argsort(-errors, axis=None)[: min(count, int(np.isfinite(errors).sum()))]
        return [divmod(int(i), errors.shape[1]) for i in order]

    def caption(self, names: dict[int, str]) -> str:
        """Say the mean error and the worst keypoint."""
        errors, unit = self.errors(self.unit), self.unit
        if not (worst := self.worst(1)):
            return f'{self.name}   {len(self.people)} labelled, {len(self.entries)} predicted'
        ((person, keypoint),) = worst
        greatest = f'{names[keypoint]} {errors[person, keypoint]:.2f} {unit}'
        return f'{self.name}   mean error {np.nanmean(errors):.2f} {unit}   worst: {greatest}'

    def draw(self, meta: dict, score: float = -math.inf, zoom: float | None = None) -> np.ndarray:
        """Draw labels, predictions, errors and a caption over the image.

        Args:
            meta: the data set's meta information.
            score: predictions with a lower score are left out.
            zoom: the enlargement; None for a picture of `WIDTH` px.

        Returns:
            The picture (h, w, 3), uint8, BGR.
        """
        image = read_image(self.people[0]['img_path'])
        canvas = KeypointCanvas(image, zoom or WIDTH / image.shape[1])
        colors = meta['keypoint_colors']
        drawn = [_predictions(entry, score) for entry in self.entries]
        for points, _, shown in drawn:
            canvas.links(points, shown, meta['skeleton_links'])
        for vectors, (points, _, shown) in zip(self.vectors, drawn, strict=False):
            canvas.errors(points - vectors, points, shown & np.isfinite(vectors).all(axis=1), colors)
        for person in self.people:
            canvas.labels(*_labels(person), colors)
        for points, covariances, shown in drawn:
            canvas.predictions(points, covariances, shown, colors)
        for person, keypoint in self.worst(NAMED):
            canvas.name(self.people[person]['keypoints'][0, keypoint], meta['keypoint_id2name'][keypoint])
        if self.spacing is not None:
            canvas.scale_bar(float(self.spacing[0]))
        canvas.caption(self.caption(meta['keypoint_id2name']))
        canvas.caption(LEGEND)
        return canvas.image

    def _boxes_agree(self) -> bool:
        for person, entry in zip(self.people, self.entries, strict=True):
            x, y, width, height = entry['bbox']
            if not np.allclose(person['bbox'][0], (x, y, x + width, y + height), atol=0.01):
                return False
        return True


def _labels(person: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return a sample's labels (K, 2) px and which of them there are (K,)."""
    return np.asarray(person['keypoints'][0], dtype=float), person['keypoints_visible'][0] > 0


def _points(entry: dict) -> np.ndarray:
    return np.array(entry['keypoints'], dtype=float).reshape(-1, 3)


def _predictions(entry: dict, score: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an entry's points (K, 2), covariances (K, 2, 2) and which of them to draw (K,)."""
    points, scores = _points(entry)[:, :2], _points(entry)[:, 2]
    triples = np.array(entry['keypoint_covariances'], dtype=float)
    shown = (scores >= score) & np.isfinite(np.concatenate((points, triples), axis=1)).all(axis=1)
    return points, triples[:, [0, 1, 1, 2]].reshape(-1, 2, 2), shown
