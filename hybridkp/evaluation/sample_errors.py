"""Errors of one sample's predictions, and the size of its pixels."""

import numpy as np

from hybridkp.errors import InputError
from hybridkp.evaluation.sample_points import labelled_points


def error_vectors(sample: dict) -> np.ndarray:
    """Give a sample's errors (K, 2) in image px: NaN without a label, infinite without a finite prediction.

    Raises:
        InputError: it has not exactly one labelled instance, or the numbers of keypoints differ.
    """
    truth, predicted = sample['gt_instances'], sample['pred_instances']['keypoints']
    if len(truth['keypoints']) != 1 or predicted.shape != truth['keypoints'].shape:
        raise InputError(
            f'{sample["img_path"]}: expected the predicted and the labelled landmarks of one instance, '
            f'got {predicted.shape} and {truth["keypoints"].shape}'
        )
    points, labels = np.asarray(predicted[0], dtype=float), labelled_points(sample)
    finite = np.isfinite(points).all(axis=1, keepdims=True)
    return np.where(np.isnan(labels), np.nan, np.where(finite, points - labels, np.inf))


def sample_spacing(sample: dict) -> np.ndarray:
    """Give a sample's pixel spacing (2,), mm per px along x and y.

    Raises:
        InputError: it has none; the message names the image and where to say it.
    """
    if sample.get('pixel_spacing') is None:
        raise InputError(
            f'{sample["img_path"]}: expected a pixel_spacing (mm per px along x and y) to measure in mm, got none; '
            "give it in the annotation file, in the image's record or in info, and in PackPoseInputs' meta_keys, "
            "or use unit='px'"
        )
    return np.asarray(sample['pixel_spacing'], dtype=float)
