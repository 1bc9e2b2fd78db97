"""Labels between those of several readers."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MixReaders(BaseTransform):
    """Replace each keypoint by a random point between those that the readers marked, for training.

    The weights of a keypoint's readers are drawn anew each time, uniformly over all that sum to 1 (a flat Dirichlet
    distribution), so that on average the label stays the readers' mean. A network cannot learn labels by heart that
    differ from epoch to epoch, and its heatmaps become wide where readers disagree. Runs before any transform that
    moves keypoints; samples without ``reader_keypoints`` (R, K, 2) and ``reader_keypoints_visible`` (R, K) pass.
    """

    def transform(self, results: dict) -> dict:
        """Mix a sample's labels."""
        if 'reader_keypoints' not in results:
            return results
        visible = results['reader_keypoints_visible'] > 0
        weights = np.random.exponential(size=visible.shape) * visible
        total = weights.sum(axis=0)
        labelled = total > 0
        mixed = (weights[..., None] * results['reader_keypoints']).sum(axis=0)[labelled] / total[labelled, None]
        keypoints = results['keypoints'].copy()
        keypoints[0, labelled] = mixed
        results['keypoints'] = keypoints
        return results

    def __repr__(self) -> str:
        return 'MixReaders()'
