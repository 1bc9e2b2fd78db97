"""Pictures of a test set: predictions beside their reference."""

import math
from pathlib import Path

import cv2
import numpy as np
from mmpose.registry import DATASETS

from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.errors import InputError
from hybridkp.inference.comparison import Comparison
from hybridkp.inference.error_plot import plot_errors
from hybridkp.inference.result_reader import read_results


def check_folder(folder: str) -> None:
    """Check that no gallery would be mixed with another one.

    Raises:
        InputError: if the folder holds pictures of a gallery.
    """
    if found := sorted(Path(folder).glob('[0-9][0-9][0-9]_*.png')):
        raise InputError(f'{folder}: expected a folder without pictures of another test, got {found[0].name} in it')


def compare(dataset: dict, results: str) -> tuple[dict, list[Comparison]]:
    """Put the entries of a result file beside the labels of a data set; images without labels are left out.

    Args:
        dataset: the data set's config; its pipeline and a detector's boxes do not matter.
        results: the result file.

    Returns:
        The data set's meta information and its images in their order.

    Raises:
        InputError: if no image has labels.
    """
    without_boxes = dict(bbox_file=None) if 'bbox_file' in dataset else {}
    built = DATASETS.build({**dataset, **without_boxes, 'pipeline': []})
    people: dict[int, list[dict]] = {}
    for i in range(len(built)):
        sample = built.get_data_info(i)
        people.setdefault(sample['img_id'], []).extend(_one_by_one(sample))
    entries = read_results(results, built.metainfo['num_keypoints'])
    comparisons = [Comparison(people[image], entries.get(image, [])) for image in people if people[image]]
    if not comparisons:
        raise InputError(f'{results}: expected labelled people to compare with, but the data set has none')
    return built.metainfo, comparisons


def _one_by_one(sample: dict) -> list[dict]:
    """Give a sample of any number of people as samples of one labelled person each."""
    keys = ('bbox', 'keypoints', 'keypoints_visible')
    labelled = [i for i, visible in enumerate(sample['keypoints_visible']) if (visible > 0).any()]
    return [sample | {key: sample[key][i : i + 1] for key in keys} for i in labelled]


def write_gallery(meta: dict, comparisons: list[Comparison], folder: str, count: int) -> list[Path]:
    """Draw the `count` images with the greatest mean errors, worst first, and the errors by keypoint, errors.png.

    Errors are in mm where every image has a pixel's size, else in px. Images without errors come last.
    """
    unit = 'mm' if all(comparison.unit == 'mm' for comparison in comparisons) else 'px'
    means = [_mean(comparison.errors(unit)) for comparison in comparisons]
    order = sorted(range(len(means)), key=lambda i: math.inf if math.isnan(means[i]) else -means[i])
    paths = []
    for place, i in enumerate(order[:count], 1):
        paths.append(Path(folder) / f'{place:03d}_{comparisons[i].name}.png')
        write_picture(paths[-1], comparisons[i].draw(meta))
    errors = np.concatenate([comparison.errors(unit) for comparison in comparisons])
    names = [meta['keypoint_id2name'][i] for i in range(meta['num_keypoints'])]
    paths.append(Path(folder) / 'errors.png')
    _put(paths[-1], plot_errors(errors, names, unit))
    return paths


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (h, w, 3), uint8, BGR, in the format of its name, whole or not at all, making its folder.

    Raises:
        InputError: if it cannot be written there.
    """
    _put(path, cv2.imencode(path.suffix, picture)[1].tobytes())


def _put(path: Path, content: bytes) -> None:
    try:
        AtomicBackend().put(content, path)
    except OSError as error:
        raise InputError(f'picture {path} cannot be written: {error.strerror}') from error


def _mean(errors: np.ndarray) -> float:
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if known.size else math.nan
