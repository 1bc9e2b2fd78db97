"""Errors and covariances of predictions in px of the network's input, where calibrations are."""

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.evaluation.sample_errors import error_vectors


def input_errors(samples: list[PoseDataSample]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give errors (N, K, 2), covariances (N, K, 2, 2) and weights (N, K) in input px, and the images' numbers (N,).

    What is not finite or not positive definite has the weight 0 and is counted in a printed warning. Samples are an
    estimator's, with ``input_size`` and ``input_scale`` in their meta information.
    """
    errors, covariances, weights = (torch.stack(parts) for parts in zip(*map(_measure, samples), strict=True))
    finite = covariances.flatten(-2).isfinite().all(dim=-1)
    covariances[~finite] = 0
    definite = torch.linalg.eigvalsh(covariances).amin(dim=-1) > 0
    covariances[~definite] = torch.eye(2).to(covariances)
    usable = definite & errors.isfinite().all(dim=-1)
    if wrong := int(((weights > 0) & ~usable).sum()):
        print(f'warning: {wrong} predictions are not finite or have no positive definite covariance, and are left out')
    names = np.unique([sample.img_path for sample in samples], return_inverse=True)[1]
    return errors, covariances, weights * usable, torch.from_numpy(names)


def _measure(sample: PoseDataSample) -> tuple[Tensor, Tensor, Tensor]:
    """Give a sample's errors (K, 2), covariances (K, 2, 2) and weights (K,), in input px."""
    scale = np.asarray(sample.metainfo['input_scale']) / np.asarray(sample.metainfo['input_size'])
    errors = error_vectors(sample.to_dict())
    covariances = sample.pred_instances.keypoint_covariances[0].astype(float) / np.outer(scale, scale)
    labelled = ~np.isnan(errors).any(axis=1)
    return torch.from_numpy(errors / scale), torch.from_numpy(covariances), torch.from_numpy(labelled.astype(float))
