"""Labels of people in input pixels, for detectors."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

LABELS = ('box_labels', 'keypoint_labels', 'keypoint_flags', 'instance_areas', 'class_labels')
GREATEST_ASPECT = 20
"""Boxes of this aspect or more are left out."""


@TRANSFORMS.register_module()
class PersonLabels(BaseTransform):
    """Write which people can be seen in the input and where; the model makes targets of that.

    Runs after the last transform that moves anything. People are cut at the input's border. Who is then less than
    `smallest` px wide or high, or a smaller part of the former box than `visible`, or 20 times as long as wide, is left
    out. mmpose's ``PackPoseInputs`` packs the results into ``gt_instance_labels``, of N people in input px from the
    left and top border:

    - ``box_labels`` (N, 4), left, top, right, bottom;
    - ``keypoint_labels`` (N, K, 2), 0 where a keypoint is not labelled or outside of the input;
    - ``keypoint_flags`` (N, K), COCO's visibility flags: 0 not labelled or outside, 1 hidden, 2 visible;
    - ``instance_areas`` (N,), the people's areas in px^2, at least 1, cut like their boxes;
    - ``class_labels`` (N,), int64, the indices of their classes.

    mmpose's ``RandomFlip`` mirrors numbers of pixels, to width - 1 - x; here positions are mirrored, to width - x.

    Args:
        smallest: px that a box is wide and high, at least.
        visible: which part of its area a box keeps, at least.
    """

    def __init__(self, smallest: float = 2.0, visible: float = 0.1) -> None:
        self.smallest, self.visible = smallest, visible

    def transform(self, results: dict) -> dict:
        """Add the labels to a sample, and leave the same people in its instances."""
        for key in ('bbox', 'keypoints', 'keypoints_visible', 'area', 'category_id'):
            if key not in results:
                raise ValueError(f'PersonLabels: expected a key "{key}", got {sorted(results)}')
        shift, border = _mirror_shift(results), np.array(results['img'].shape[1::-1], np.float64)
        whole = results['bbox'].reshape(-1, 2, 2) + shift
        boxes = whole.clip(0, border)
        sides, former = boxes[:, 1] - boxes[:, 0], (whole[:, 1] - whole[:, 0]).prod(axis=1)
        shares = sides.prod(axis=1) / np.maximum(former, 1e-9)
        keep = (sides > self.smallest).all(axis=1) & (shares > self.visible)
        keep &= sides.max(axis=1, initial=0) < GREATEST_ASPECT * sides.min(axis=1, initial=np.inf)
        points, flags = results['keypoints'][..., :2] + shift, results['keypoints_visible']
        flags = np.where(((points >= 0) & (points <= border)).all(axis=-1), flags, 0)
        labels = dict(
            box_labels=boxes.reshape(-1, 4).astype(np.float32),
            keypoint_labels=np.where(flags[..., None] > 0, points, 0).astype(np.float32),
            keypoint_flags=flags.astype(np.float32),
            instance_areas=np.maximum(results['area'] * shares, 1).astype(np.float32),
            class_labels=results['category_id'].astype(np.int64),
        )
        results.update({name: values[keep] for name, values in labels.items()})
        for ours, theirs in (
            ('box_labels', 'bbox'),
            ('keypoint_labels', 'keypoints'),
            ('keypoint_flags', 'keypoints_visible'),
        ):
            results[theirs] = results[ours]
        results['bbox_score'] = results['bbox_score'][keep]
        results['label_mapping_table'] = dict(zip(LABELS, LABELS, strict=True))
        return results

    def __repr__(self) -> str:
        return f'PersonLabels(smallest={self.smallest}, visible={self.visible})'


def _mirror_shift(results: dict) -> np.ndarray:
    """Return (x, y), by how many px mmpose's flip has put positions too far to the left or up."""
    direction = str(results.get('flip_direction')) if results.get('flip') else ''
    return np.array(
        [direction in names for names in (('horizontal', 'diagonal'), ('vertical', 'diagonal'))], np.float64
    )
