"""Points of a network and of the one that looked before."""

import numpy as np
import torch
from mmpose.structures import PoseDataSample

from hybridkp.errors import InputError
from hybridkp.ops.covariance import merge


def merge_prior(samples: list[PoseDataSample]) -> list[PoseDataSample]:
    """Merge what the second of two networks found with what the first did, by how certain each is.

    The weight of a point is one over its variance, the trace of its covariance; where the two do not agree, the more
    certain one is taken (see `ops.covariance.merge`). Samples without ``prior_keypoints`` stay as they are.

    Args:
        samples: with ``pred_instances`` in image px and, in their metainfo, the first one's ``prior_keypoints``
            (1, K, 2) in image px and ``prior_covariances`` (1, K, 2, 2) in px^2.

    Raises:
        InputError: if there are points of the first network without covariances.
    """
    for sample in samples:
        if 'prior_keypoints' not in sample.metainfo:
            continue
        if 'prior_covariances' not in sample.metainfo:
            raise InputError(
                f'{sample.metainfo.get("img_path")}: expected covariances of the first network for merge_prior, got '
                "none; tools/test.py writes them with --out, and PackPoseInputs' meta_keys hand prior_covariances on"
            )
        pred = sample.pred_instances
        points, covariances = (
            torch.from_numpy(np.stack([pred[f'keypoint{name}'], sample.metainfo[f'prior_{other}']]).astype(np.float64))
            for name, other in (('s', 'keypoints'), ('_covariances', 'covariances'))
        )
        weights = 1 / covariances.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        points, covariances = merge(points, covariances, weights)
        pred.keypoints = points.numpy().astype(np.float32)
        pred.keypoint_covariances = covariances.numpy().astype(np.float32)
    return samples
