"""Predicted and labelled points of one sample, the order of samples, and the names of images in tables."""

import posixpath
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybridkp.errors import InputError


def predicted_points(sample: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a sample's points (K, 2) in image px, their covariances (K, 2, 2) in px^2 and their scores (K,).

    Raises:
        InputError: it has not exactly one predicted instance, or no covariances.
    """
    pred = sample['pred_instances']
    points = np.asarray(pred['keypoints'], dtype=float)
    if points.ndim != 3 or len(points) != 1:
        raise InputError(
            f'{sample["img_path"]}: expected the predicted landmarks of one instance, got them of shape {points.shape}'
        )
    given, expected = pred.get('keypoint_covariances'), (*points.shape, 2)
    if given is None or np.shape(given) != expected:
        raise InputError(
            f'{sample["img_path"]}: expected predicted keypoint_covariances of shape {expected}, '
            f'got {"none" if given is None else np.shape(given)}'
        )
    return points[0], np.asarray(given[0], dtype=float), np.asarray(pred['keypoint_scores'][0], dtype=float)


def labelled_points(sample: dict) -> np.ndarray:
    """Give a sample's labelled points (K, 2) in image px, NaN where a label is missing.

    Raises:
        InputError: it has not exactly one labelled instance with as many landmarks as there are predicted.
    """
    truth = sample['gt_instances']
    shape, expected = np.shape(truth['keypoints']), np.shape(sample['pred_instances']['keypoints'])
    if len(shape) != 3 or shape[0] != 1 or shape != expected:
        raise InputError(
            f'{sample["img_path"]}: expected the labelled landmarks of one instance, of shape {expected}, got {shape}'
        )
    visible = np.asarray(truth['keypoints_visible'])[0]
    labelled = (visible if visible.ndim == 1 else visible[:, 0]) > 0
    return np.where(labelled[:, None], np.asarray(truth['keypoints'][0], dtype=float), np.nan)


def each_once(results: Sequence[dict]) -> list[dict]:
    """Give the results with keys of their own, ordered by ``key``: whatever the order and the number of processes."""
    once = {result['key']: result for result in results}
    return [once[key] for key in sorted(once)]


def image_names(paths: Sequence[str]) -> list[str]:
    """Give the images' paths relative to the folder that all of them are in: file names where it is one folder."""
    paths = [Path(path).as_posix() for path in paths]
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    return [Path(path).relative_to(folder).as_posix() for path in paths]
