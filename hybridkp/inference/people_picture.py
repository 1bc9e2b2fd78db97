"""Pictures of the people in an image, predicted or labelled."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.structures import InstanceData

from hybridkp.inference.keypoint_canvas import KeypointCanvas
from hybridkp.inference.person_colours import PersonColours

PALETTE = np.array(
    [
        (255, 99, 71),
        (64, 156, 255),
        (255, 200, 0),
        (60, 200, 90),
        (220, 90, 240),
        (0, 210, 210),
        (255, 140, 0),
        (140, 120, 255),
        (170, 220, 30),
        (255, 105, 180),
    ],
    dtype=np.uint8,
)
"""RGB colours of people, one after another."""
LEAST_SIDE, GREATEST_ZOOM = 800, 4.0
"""Smaller images are enlarged until their longer side has so many px, but not more than so many times."""
USUAL_PERSON, USUAL_IMAGE = 220, 1000
"""Sides in px of a person and of an image that are drawn with usual lines; of smaller people they are thinner."""
THINNEST = 0.4
WIDE, GAP = 1.6, 8
"""Pictures that are so many times as wide as high are put one above the other, so many px apart."""


class PeoplePicture:
    """Draws people over their image: limbs, keypoints with one-sigma ellipses, boxes and scores.

    A single person has the skeleton's colours, several have a colour each, which they keep from one picture to the next
    where their boxes overlap. Lines are as thick as people are large.

    Args:
        meta: the data set's meta information.
        from_border: whether positions are px from the left and top border, as those of single-stage networks, so
            that the first pixel's centre is at 0.5, and not at 0.
        threshold: predicted keypoints with a lower score are left out.
        covariances: whether there are ellipses.
        framed: whether there are boxes with their scores.
        enlarge: whether small images are enlarged.
    """

    def __init__(
        self,
        meta: dict,
        from_border: bool = False,
        threshold: float = 0.2,
        covariances: bool = True,
        framed: bool = False,
        enlarge: bool = True,
    ):
        self.meta, self.shift, self.threshold = meta, -0.5 if from_border else 0.0, threshold
        self.covariances, self.framed, self.enlarge = covariances, framed, enlarge
        self._people = PersonColours(len(PALETTE))

    def draw(self, image: np.ndarray, people: InstanceData) -> np.ndarray:
        """Draw predicted people.

        Args:
            image: (h, w, 3), BGR, or (h, w), uint8.
            people: as of `KeypointInferencer`, the best first.

        Returns:
            The picture (h, w, 3), uint8, BGR.
        """
        canvas = self._canvas(image)
        shown = (people.keypoint_scores >= self.threshold) & np.isfinite(people.keypoints).all(axis=-1)
        shown &= np.isfinite(people.keypoint_covariances).all(axis=(-2, -1))
        points, scale = people.keypoints + self.shift, canvas.weight
        colours = self._people.assign(people.bboxes)
        for i in reversed(range(len(people))):
            box, limbs, dots = self._colours(colours[i], len(people))
            canvas.weight = self._weight(people.bboxes[i], canvas, scale)
            if self.framed:
                score = float(people.bbox_scores[i])
                canvas.box(people.bboxes[i] + self.shift, f'{score:.2f}' if score < 1 else '', box)
            canvas.limbs(points[i], shown[i], self.meta['skeleton_links'], limbs)
            canvas.predictions(points[i], people.keypoint_covariances[i] * self.covariances, shown[i], dots)
        return canvas.image

    def draw_labels(self, image: np.ndarray, labels: Sequence[dict]) -> np.ndarray:
        """Draw labelled people with crosses for keypoints.

        Args:
            image: (h, w, 3), BGR, or (h, w), uint8.
            labels: people with ``keypoints`` (1, K, 2) px, ``keypoints_visible`` (1, K), above 0 where there are
                labels, and ``bbox`` (1, 4) px.
        """
        canvas = self._canvas(image)
        scale, colours = canvas.weight, self._people.assign([person['bbox'][0] for person in labels])
        for i, person in enumerate(labels):
            box, limbs, dots = self._colours(colours[i], len(labels))
            canvas.weight = self._weight(person['bbox'][0], canvas, scale)
            points, shown = person['keypoints'][0] + self.shift, person['keypoints_visible'][0] > 0
            if self.framed:
                canvas.box(person['bbox'][0] + self.shift, '', box)
            canvas.limbs(points, shown, self.meta['skeleton_links'], limbs)
            canvas.labels(points, shown, dots)
        return canvas.image

    def compare(self, image: np.ndarray, people: InstanceData, labels: Sequence[dict], name: str) -> np.ndarray:
        """Draw labels and predictions side by side, or one above the other where the image is wide, with captions."""
        drawn = self.draw_labels(image, labels), self.draw(image, people)
        texts = f'{name}   {len(labels)} labelled', f'{name}   {len(people)} predicted'
        panels = [KeypointCanvas(picture) for picture in drawn]
        for panel, text in zip(panels, texts, strict=True):
            panel.caption(text)
        height, width = panels[0].image.shape[:2]
        beside = width <= WIDE * height
        gap = np.full((height, GAP, 3) if beside else (GAP, width, 3), 255, np.uint8)
        return np.concatenate((panels[0].image, gap, panels[1].image), axis=1 if beside else 0)

    def _canvas(self, image: np.ndarray) -> KeypointCanvas:
        """Make a canvas of an image, enlarged if it is small."""
        image = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        side = max(image.shape[:2])
        zoom = min(max(LEAST_SIDE / side, 1.0), GREATEST_ZOOM) if self.enlarge else 1.0
        return KeypointCanvas(image, zoom, max(side * zoom / USUAL_IMAGE, 1.0))

    def _weight(self, box: np.ndarray, canvas: KeypointCanvas, largest: float) -> float:
        """Return how thick the lines of a person in a box (4,) are."""
        side = float((box[2:] - box[:2]).max()) * canvas.zoom
        return min(max(side / USUAL_PERSON, THINNEST), largest)

    def _colours(self, number: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the RGB colours of the box (3,), the limbs (L, 3) and the keypoints (K, 3) of one of some people."""
        limbs, dots = self.meta['skeleton_link_colors'], self.meta['keypoint_colors']
        if count <= 1:
            return PALETTE[number], limbs, dots
        color = PALETTE[number]
        return color, np.broadcast_to(color, limbs.shape), np.broadcast_to(color, dots.shape)
