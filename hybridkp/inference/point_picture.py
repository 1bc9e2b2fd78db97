"""Pictures and files of interest points."""

import json

import cv2
import numpy as np
import torch

from hybridkp.ops.covariance import to_sigmas

_SHIFT = 4
"""OpenCV draws at 1/16 px."""

BRIGHT, DARK = (0, 215, 255), (255, 160, 40)
"""BGR colours of bright and of dark blobs."""


def draw_points(
    image: np.ndarray, points: np.ndarray, covariances: np.ndarray, colors: np.ndarray, zoom: float = 1.0
) -> np.ndarray:
    """Draw points with their one-sigma ellipses on a copy of an image.

    Args:
        image: (h, w, 3), uint8, BGR.
        points: (N, 2), (x, y) in px.
        covariances: (N, 2, 2) in px^2.
        colors: (N, 3), BGR.
        zoom: the enlargement.

    Returns:
        The enlarged image, uint8, BGR.
    """
    interpolation = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    canvas = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=interpolation)
    axes = np.stack([part.numpy() for part in to_sigmas(torch.as_tensor(covariances, dtype=torch.float64))], axis=-1)
    scale = 2**_SHIFT
    for (x, y), (major, minor, angle), color in zip(points, axes, colors, strict=True):
        centre = round(((x + 0.5) * zoom - 0.5) * scale), round(((y + 0.5) * zoom - 0.5) * scale)
        halves = round(major * zoom * scale), round(minor * zoom * scale)
        for thickness, bgr in ((3, (0, 0, 0)), (1, tuple(int(part) for part in color))):
            cv2.ellipse(canvas, centre, halves, float(np.degrees(angle)), 0, 360, bgr, thickness, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, centre, scale, tuple(int(part) for part in color), -1, cv2.LINE_AA, _SHIFT)
    return canvas


def points_as_json(
    name: str, size: tuple[int, int], points: np.ndarray, scores: np.ndarray, covariances: np.ndarray
) -> str:
    """Return an image's points as JSON.

    Args:
        name: of the image.
        size: (h, w) in px.
        points: (N, 2), (x, y) in px.
        scores: (N,), below 0 for bright blobs of the filters.
        covariances: (N, 2, 2) in px^2.
    """
    axes = [part.numpy() for part in to_sigmas(torch.as_tensor(covariances, dtype=torch.float64))]
    records = [
        dict(
            x=round(float(x), 3),
            y=round(float(y), 3),
            score=round(float(score), 5),
            covariance=[round(float(value), 4) for value in (c[0, 0], c[0, 1], c[1, 1])],
            sigma_major=round(float(major), 3),
            sigma_minor=round(float(minor), 3),
            angle_deg=round(float(np.degrees(angle)), 2),
        )
        for (x, y), score, c, major, minor, angle in zip(points, scores, covariances, *axes, strict=True)
    ]
    content = dict(image=name, width=size[1], height=size[0], points=records)
    return json.dumps(content, indent=1)
