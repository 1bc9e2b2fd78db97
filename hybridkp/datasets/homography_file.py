"""Files that hold a homography."""

import re
from pathlib import Path

import cv2
import numpy as np

from hybridkp.errors import InputError

_STORAGE = ('.xml', '.yml', '.yaml')
"""What OpenCV's own files end in."""


def read_homography(path: str | Path) -> np.ndarray:
    """Read a homography (3, 3): nine numbers in a text file, or the one matrix of an OpenCV XML or YAML file.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it does not hold nine finite numbers, or the matrix is singular.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'homography {path} does not exist')
    values = _stored(path) if path.suffix.lower() in _STORAGE else _written(path)
    if values.size != 9 or not np.isfinite(values).all():
        raise InputError(f'{path}: expected the 9 finite numbers of a homography, got {values.size} numbers')
    matrix = values.reshape(3, 3)
    if abs(np.linalg.det(matrix / np.abs(matrix).max(initial=1e-300))) < 1e-15:
        raise InputError(f'{path}: expected a homography that can be inverted, got a singular matrix')
    return matrix


def _written(path: Path) -> np.ndarray:
    words = re.split(r'[\s,;]+', path.read_text(encoding='utf-8', errors='replace').strip())
    try:
        return np.array([float(word) for word in words if word])
    except ValueError as error:
        raise InputError(f'{path}: expected the 9 numbers of a homography, got {str(error).split(": ")[-1]}') from error


def _stored(path: Path) -> np.ndarray:
    try:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)  # its nodes live as long as it does
        root = storage.root()
        matrices = [_matrix(root.getNode(name)) for name in root.keys()]
    except (cv2.error, SystemError) as error:
        raise InputError(f'{path}: expected an OpenCV file with a matrix, got one that cannot be read') from error
    found = [matrix for matrix in matrices if matrix is not None]
    if len(found) != 1:
        raise InputError(f'{path}: expected one matrix, got {len(found)}')
    return np.asarray(found[0], dtype=float)


def _matrix(node: cv2.FileNode) -> np.ndarray | None:
    try:
        return node.mat()
    except cv2.error:  # it is something else
        return None
