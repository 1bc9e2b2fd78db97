"""Labels of keypoints in input pixels."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class KeypointLabels(BaseTransform):
    """Write where the keypoints lie in the input, and which of them count; the model makes targets of that.

    Runs after the transform that crops (mmpose's ``TopdownAffine``). mmpose's ``PackPoseInputs`` packs both
    results into ``gt_instance_labels``: ``keypoint_labels`` (1, K, 2), float32, (x, y) in input px, 0 where a
    keypoint is not labelled, and ``keypoint_weights`` (1, K), float32, 1 where a keypoint is labelled and
    lies in one of the input's pixels (-0.5 <= x < w - 0.5, likewise y), else 0.

    A sample without ``keypoints``, as inference makes them, passes unchanged.
    """

    def transform(self, results: dict) -> dict:
        """Add labels and weights to a sample."""
        if results.get('keypoints') is None:
            return results
        for key in ('transformed_keypoints', 'keypoints_visible', 'input_size'):
            if key not in results:
                raise ValueError(f'KeypointLabels: expected a key "{key}", got {sorted(results)}')
        points = results['transformed_keypoints'][..., :2].astype(np.float32)
        visible = results['keypoints_visible']
        labelled = (visible[..., 0] if visible.ndim == 3 else visible) > 0
        labelled &= np.isfinite(points).all(axis=-1)
        inside = ((points >= -0.5) & (points < np.array(results['input_size']) - 0.5)).all(axis=-1)
        results['keypoint_labels'] = np.where(labelled[..., None], points, np.float32(0))
        results['keypoint_weights'] = (labelled & inside).astype(np.float32)
        return results

    def __repr__(self) -> str:
        return 'KeypointLabels()'
