"""Reading of the result files that `ResultFile` writes."""

import json
from pathlib import Path

import numpy as np

from hybridkp.errors import InputError


def read_results(path: str | Path, num_keypoints: int) -> dict[int, list[dict]]:
    """Read a result file, by image.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it holds no predictions with covariances of so many keypoints.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'result file {path} does not exist')
    try:
        entries = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise InputError(f'result file {path}: broken JSON: {error}') from error
    results: dict[int, list[dict]] = {}
    for i, entry in enumerate(entries):
        covariances = np.array(entry.get('keypoint_covariances', []))
        if covariances.shape != (num_keypoints, 3):
            raise InputError(
                f'result file {path}: entry {i}: keypoint_covariances has shape {covariances.shape}, '
                f'expected {(num_keypoints, 3)}'
            )
        results.setdefault(entry['image_id'], []).append(entry)
    return results
