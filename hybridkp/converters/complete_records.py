"""Filling in what COCO's evaluation needs and other tools leave out."""

from collections import Counter

from hybridkp.ops.boxes import AREA_OF_BOX

MARGIN = 0.1
"""What is added to a box around keypoints on each side, as a share of its longer side."""


def complete_records(coco: dict, num_keypoints: int) -> tuple[dict, list[str]]:
    """Give a COCO file's content with what annotations lack, and say what was added.

    ``keypoints`` become 0, ``bbox`` the surroundings of the labelled keypoints, cut off at the image, ``area`` 0.53 of
    the box, ``iscrowd`` 0, and ``num_keypoints`` is counted.
    """
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    added = Counter()
    annotations = []
    for given in coco['annotations']:
        annotation = dict(given)
        added.update(key for key in ('keypoints', 'bbox', 'area') if key not in annotation)
        annotation.setdefault('keypoints', [0] * (3 * num_keypoints))
        if 'bbox' not in annotation:
            annotation['bbox'] = _surroundings(annotation['keypoints'], *sizes[annotation['image_id']])
        annotation.setdefault('area', AREA_OF_BOX * annotation['bbox'][2] * annotation['bbox'][3])
        annotation.setdefault('iscrowd', 0)
        annotation.setdefault('num_keypoints', sum(visible > 0 for visible in annotation['keypoints'][2::3]))
        annotations.append(annotation)
    notes = [f'{count} annotations had no {key}; it was added' for key, count in added.items()]
    return coco | dict(annotations=annotations), notes


def _surroundings(keypoints: list, width: float, height: float) -> list[float]:
    points = [(x, y) for x, y, visible in zip(*(keypoints[i::3] for i in range(3)), strict=True) if visible > 0]
    if not points:
        return [0, 0, 0, 0]
    (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    margin = max(MARGIN * max(right - left, bottom - top), 1)
    left, top = max(left - margin, 0), max(top - margin, 0)
    return [left, top, min(right + margin, width) - left, min(bottom + margin, height) - top]
