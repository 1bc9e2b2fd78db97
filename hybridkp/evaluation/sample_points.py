"""Predicted and labelled points of one sample, the order of samples, and the names of images in tables."""

import posixpath
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybridkp.errors import InputError


def predicted_points(sample: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a sample's points (K, 2) in image px, their covariances (K, 2, 2) in px^2 and their scores (K,).

    Of a closer look (see `CocoCloseups`), those of other looks' keypoints are NaN.

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
    found = points[0], np.asarray(given[0], dtype=float), np.asarray(pred['keypoint_scores'][0], dtype=float)
    return tuple(own_values(values, sample) for values in found)


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


def own_values(values: np.ndarray, sample: dict) -> np.ndarray:
    """Put NaN in the place of a sample's values (K, ...) of keypoints that are another look's, see `CocoCloseups`."""
    own = sample.get('own_keypoints')
    return values if own is None else np.where(own.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)


def each_once(results: Sequence[dict]) -> list[dict]:
    """Give the results with keys of their own, ordered by ``key``: whatever the order and the number of processes.

    Several results of one key are put together, see `together`.
    """
    return sorted(together(results), key=lambda result: result['key'])


def together(results: Sequence[dict]) -> list[dict]:
    """Give the results with keys of their own: of several with one ``key``, what is NaN in one is of the others."""
    once: dict = {}
    for result in results:
        first = once.setdefault(result['key'], result)
        if first is not result:
            once[result['key']] = first | {name: _filled(first[name], result[name]) for name in first if name != 'key'}
    return list(once.values())


def _filled(values: object, others: object) -> object:
    """Fill the NaN of an array of numbers from another of its shape; other things stay as they are."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != 'f' or values.shape != np.shape(others):
        return values
    return np.where(np.isnan(values), others, values)


def image_names(paths: Sequence[str]) -> list[str]:
    """Give the images' paths relative to the folder that all of them are in: file names where it is one folder."""
    paths = [Path(path).as_posix() for path in paths]
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    return [Path(path).relative_to(folder).as_posix() for path in paths]
