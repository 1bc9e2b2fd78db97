"""The labels of a COCO file as arrays."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from hybridkp.datasets.coco_json import is_labelled


@dataclass(frozen=True)
class LabelTable:
    """The N people, animals or objects of a checked COCO file that a data set makes samples of, in its M images.

    Args:
        ids: their annotations' ids.
        owners: (N,), the index of each one's image.
        boxes: (N, 4), x, y, width, height in image px.
        points: (N, K, 2), x, y in image px.
        labelled: (N, K), bool.
        areas: (N,) in px^2, NaN where the file has none.
        files: the M images' names.
        sizes: (M, 2), width, height in px.
        left_out: how many annotations are no samples, by the reason.
    """

    ids: list
    owners: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    labelled: np.ndarray
    areas: np.ndarray
    files: list[str]
    sizes: np.ndarray
    left_out: dict[str, int]

    @property
    def image_sizes(self) -> np.ndarray:
        """The width and height (N, 2) of the image that each one is in."""
        return self.sizes[self.owners]


def label_table(coco: dict, num_keypoints: int) -> LabelTable:
    """Make the arrays of a file's content that `label_records.check_records` found nothing in."""
    places = {image['id']: i for i, image in enumerate(coco['images'])}
    reasons = [_reason(annotation) for annotation in coco['annotations']]
    kept = [a for a, reason in zip(coco['annotations'], reasons, strict=True) if not reason]
    triples = np.array([a['keypoints'] for a in kept], dtype=float).reshape(-1, num_keypoints, 3)
    return LabelTable(
        ids=[a['id'] for a in kept],
        owners=np.array([places[a['image_id']] for a in kept], dtype=int),
        boxes=np.array([a['bbox'] for a in kept], dtype=float).reshape(-1, 4),
        points=triples[..., :2],
        labelled=triples[..., 2] > 0,
        areas=np.array([a.get('area', np.nan) for a in kept], dtype=float),
        files=[image['file_name'] for image in coco['images']],
        sizes=np.array([[i['width'], i['height']] for i in coco['images']], dtype=float).reshape(-1, 2),
        left_out=dict(Counter(reason for reason in reasons if reason)),
    )


def _reason(annotation: dict) -> str:
    """Say why a data set leaves an annotation out, or nothing."""
    if 'keypoints' not in annotation:
        return 'without keypoints'
    if 'bbox' not in annotation:
        return 'without a bbox'
    if annotation.get('iscrowd', 0):
        return 'crowds'
    return '' if is_labelled(annotation) else 'without a labelled keypoint'
