"""Interest point detectors behind one face: an image in, points and scores out."""

from collections.abc import Callable

import cv2
import numpy as np
import torch

from hybridkp.errors import InputError
from hybridkp.ops.anisotropic_blobs import AnisotropicBlobs, detect_blobs

Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes an image (h, w, 3), uint8, BGR; gives points (N, 2), (x, y) in px, and their scores (N,)."""

_CANDIDATES = 5000
"""How many points a detector gives at most; who measures them takes the best."""


def detect_image_blobs(image: np.ndarray, count: int, scales: tuple, threshold: float = 0.002) -> AnisotropicBlobs:
    """Find the blobs of an image (h, w, 3), uint8, BGR, without empty places: the fields are (N, ...), numpy."""
    grey = torch.from_numpy(_grey(image)).float()[None] / 255
    blobs = detect_blobs(grey, count, scales, threshold=threshold)
    return AnisotropicBlobs(*(field[0][blobs.strengths[0] != 0].numpy() for field in blobs))


def classical_detectors() -> dict[str, Detector]:
    """Give the detectors that need no training by their names, our filters and OpenCV's as far as it has them.

    Thresholds are low, so that a fixed number of the best points can be taken. Corners are Harris' and Shi and
    Tomasi's by whole pixels: refined by `cornerSubPix` fewer of them are found again.
    """
    found = {
        'filters': _filters,
        'sift': _keypoints(cv2.SIFT_create(contrastThreshold=0.01)),
        'harris': _corners(harris=True),
        'shi-tomasi': _corners(harris=False),
        'fast': _keypoints(cv2.FastFeatureDetector_create(5)),
        'orb': _keypoints(cv2.ORB_create(_CANDIDATES, edgeThreshold=8, fastThreshold=5)),
    }
    akaze = getattr(cv2, 'AKAZE_create', None) or getattr(getattr(cv2, 'xfeatures2d', None), 'AKAZE_create', None)
    return found | ({'akaze': _keypoints(akaze(threshold=1e-5))} if akaze else {})


def choose_detectors(names: list[str]) -> dict[str, Detector]:
    """Give the classical detectors of some names, in that order, or all of them for no names.

    Raises:
        InputError: there is none of a name, or this OpenCV does not have it.
    """
    known = classical_detectors()
    for name in names:
        if name == 'akaze' and name not in known:
            raise InputError(f'OpenCV {cv2.__version__} has no AKAZE; versions before 5 and opencv-contrib have it')
        if name not in known:
            raise InputError(f'expected a detector of {", ".join(known)}, got {name!r}')
    return {name: known[name] for name in names or known}


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _filters(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blobs = detect_image_blobs(image, 2000, (2.0, 8.0, 3))
    return blobs.points.astype(float), np.abs(blobs.strengths).astype(float)


def _keypoints(detector: cv2.Feature2D) -> Detector:
    """Give the detector of OpenCV's class for features."""

    def detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = detector.detect(_grey(image), None)
        points = np.array([keypoint.pt for keypoint in found], dtype=float).reshape(-1, 2)
        return points, np.array([keypoint.response for keypoint in found], dtype=float)

    return detect


def _corners(harris: bool) -> Detector:
    """Give the detector of Harris' or of Shi and Tomasi's corners."""

    def detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points, scores = cv2.goodFeaturesToTrackWithQuality(
            _grey(image), _CANDIDATES, 1e-6, 1, None, blockSize=3, gradientSize=3, useHarrisDetector=harris
        )
        if points is None:
            return np.zeros((0, 2)), np.zeros(0)
        return points.reshape(-1, 2).astype(float), scores.ravel().astype(float)

    return detect
