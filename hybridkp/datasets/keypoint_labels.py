"""Labels of keypoints in input pixels."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

MIRRORED = (('horizontal', 'diagonal'), ('vertical', 'diagonal'))
"""The directions of a flip that mirror x and y."""

LABELS = ('keypoint_labels', 'keypoint_weights', 'input_jacobians', 'instance_areas')


@TRANSFORMS.register_module()
class KeypointLabels(BaseTransform):
    """Write where the keypoints lie in the input, and which of them count; the model makes targets of that.

    Runs after the transform that crops (mmpose's ``TopdownAffine``). mmpose's ``PackPoseInputs`` packs both
    results into ``gt_instance_labels``: ``keypoint_labels`` (1, K, 2), float32, (x, y) in input px, 0 where a
    keypoint is not labelled, and ``keypoint_weights`` (1, K), float32, 1 where a keypoint is labelled and
    lies in one of the input's pixels (-0.5 <= x < w - 0.5, likewise y), else 0.

    Beside them lies what turns a covariance of the image into one of the input: ``input_jacobians`` (1, 2, 2), float32,
    d(input px) / d(image px) of mirroring, scaling and rotation (an elastic deformation's own part is left out), and,
    where the sample has an ``area``, ``instance_areas`` (1,), float32, that area in input px^2.

    A sample without ``keypoints``, as inference makes them, passes unchanged.
    """

    def transform(self, results: dict) -> dict:
        """Add labels and weights to a sample."""
        if results.get('keypoints') is None:
            return results
        for key in ('transformed_keypoints', 'keypoints_visible', 'input_size', 'bbox_scale'):
            if key not in results:
                raise ValueError(f'KeypointLabels: expected a key "{key}", got {sorted(results)}')
        points = results['transformed_keypoints'][..., :2].astype(np.float32)
        visible = results['keypoints_visible']
        labelled = (visible[..., 0] if visible.ndim == 3 else visible) > 0
        labelled &= np.isfinite(points).all(axis=-1)
        inside = ((points >= -0.5) & (points < np.array(results['input_size']) - 0.5)).all(axis=-1)
        results['keypoint_labels'] = np.where(labelled[..., None], points, np.float32(0))
        results['keypoint_weights'] = (labelled & inside).astype(np.float32)
        jacobian = input_jacobian(results)
        results['input_jacobians'] = jacobian[None].astype(np.float32)
        if 'area' in results:
            results['instance_areas'] = np.float32([results['area'] * abs(np.linalg.det(jacobian))])
        results['label_mapping_table'] = dict(zip(LABELS, LABELS, strict=True))
        return results

    def __repr__(self) -> str:
        return 'KeypointLabels()'


def input_jacobian(results: dict) -> np.ndarray:
    """Give d(input px) / d(image px), (2, 2), of mmpose's ``RandomFlip`` and of its crop.

    Args:
        results: a sample after ``TopdownAffine``, with ``bbox_scale`` (1, 2), perhaps ``bbox_rotation`` (1,) in
            degrees, ``input_size`` (width, height), ``flip`` and ``flip_direction``.
    """
    angle = np.deg2rad(float(np.ravel(results.get('bbox_rotation', 0))[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = results['input_size'][0] / float(results['bbox_scale'][0][0])
    direction = str(results.get('flip_direction')) if results.get('flip') else ''
    mirror = np.diag([-1.0 if direction in names else 1.0 for names in MIRRORED])
    return scale * turn @ mirror
