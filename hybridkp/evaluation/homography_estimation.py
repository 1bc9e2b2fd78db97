"""How well points of two views serve to find the homography between them, by descriptors that are the same for all."""

import cv2
import numpy as np

from hybridkp.evaluation.repeatability import map_points

_INLIER = 3.0
"""Distance in px up to which a match supports a homography."""


def dominant_angles(grey: np.ndarray, points: np.ndarray, radius: int = 15) -> np.ndarray:
    """Return the direction (N,) in radians from each point (N, 2) to the centroid of the grey values in a disc.

    Rublee et al. 2011, "ORB: an efficient alternative to SIFT or SURF", equation 3. It turns with the image.
    """
    steps = np.arange(-radius, radius + 1, dtype=np.float32)
    disc = (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.float32)
    moments = [cv2.filter2D(grey, cv2.CV_32F, disc * line) for line in (steps[None], steps[:, None])]
    columns, rows = (
        np.clip(np.rint(points[:, axis]), 0, side - 1).astype(int)
        for axis, side in ((0, grey.shape[1]), (1, grey.shape[0]))
    )
    return np.arctan2(moments[1][rows, columns], moments[0][rows, columns])


def describe(image: np.ndarray, points: np.ndarray, size: float = 4.0) -> np.ndarray:
    """Return SIFT's descriptors (N, 128), uint8, of points (N, 2) of an image (h, w, 3), uint8, BGR.

    All points get one size, in px of OpenCV's keypoints, and the direction of `dominant_angles`, whatever found them:
    what differs between detectors is where their points lie.
    """
    if not len(points):
        return np.zeros((0, 128), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    angles = np.degrees(dominant_angles(grey, points)) % 360
    keypoints = [
        cv2.KeyPoint(float(x), float(y), size, float(angle)) for (x, y), angle in zip(points, angles, strict=True)
    ]
    return cv2.SIFT_create().compute(grey, keypoints)[1].astype(np.uint8)


def match(descriptors1: np.ndarray, descriptors2: np.ndarray) -> np.ndarray:
    """Return the pairs of indices (M, 2) of descriptors (N1, 128) and (N2, 128) that are each other's nearest."""
    if not len(descriptors1) or not len(descriptors2):
        return np.zeros((0, 2), np.int64)
    matcher = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True)
    found = matcher.match(descriptors1.astype(np.float32), descriptors2.astype(np.float32))
    return np.array([(one.queryIdx, one.trainIdx) for one in found], dtype=np.int64).reshape(-1, 2)


def estimate_homography(points1: np.ndarray, points2: np.ndarray) -> np.ndarray | None:
    """Estimate the homography (3, 3) between matched points (M, 2) by OpenCV's USAC (MAGSAC++), None where it fails."""
    if len(points1) < 4:
        return None
    points1, points2 = (np.asarray(points, dtype=np.float64) for points in (points1, points2))
    try:
        found, _ = cv2.findHomography(points1, points2, cv2.USAC_MAGSAC, _INLIER, maxIters=10000, confidence=0.9999)
    except cv2.error:
        return None
    return found


def corner_error(estimated: np.ndarray | None, homography: np.ndarray, size: tuple[int, int]) -> float:
    """Return the mean distance in px at which two homographies see an image's corners, (h, w) px; inf without one."""
    if estimated is None or not np.isfinite(estimated).all():
        return float('inf')
    right, bottom = size[1] - 1, size[0] - 1
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=float)
    distance = np.linalg.norm(map_points(corners, estimated) - map_points(corners, homography), axis=1)
    return float(distance.mean()) if np.isfinite(distance).all() else float('inf')


def area_under_curve(errors: np.ndarray, threshold: float) -> float:
    """Return the area in [0, 1] under the share of errors (P,) up to each value, from 0 to the threshold, over it.

    An error counts by 1 - error / threshold; the mean of that is the exact area under the steps. NaN without errors.
    """
    if not len(errors):
        return float('nan')
    return float(np.clip(1 - np.asarray(errors) / threshold, 0, 1).mean())
