"""The first of two networks, whose points say where the second one looks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from hybridkp.errors import InputError
from hybridkp.inference.frame_predictor import Boxes, FramePredictor


class FirstStage:
    """Finds one instance in a frame; the box around its points is what the second network sees, see `CocoCloseups`.

    Args:
        cfg: the config of a network that sees whole frames, or a region of each.
        checkpoints: the checkpoint file, or several, whose heatmaps are averaged.
        device: where it runs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: the checkpoint is damaged or of another model, or the network needs boxes itself.
    """

    def __init__(self, cfg: Config, checkpoints: Sequence[str], device: str):
        self.name = ' '.join(Path(path).name for path in (cfg.filename, *checkpoints))
        self.predictor = FramePredictor(cfg, checkpoints, device)
        if self.predictor.needs_boxes:
            raise InputError(
                f'{cfg.filename}: expected a detector, or the first of two networks, which sees whole frames, got one '
                'that needs boxes itself'
            )

    def __call__(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        """Find in each of some images, (h, w, 3), BGR, or (h, w), uint8, at most one instance.

        Returns:
            For each image the box (N, 4) around the points, left, top, right, bottom in px, a score (N,) of 1 and the
            points (N, K, 2) in px, float32; N is 1, or 0 where the points have no area around them.
        """
        found = []
        for people in self.predictor.predict(images, [None] * len(images)):
            points = people.keypoints
            boxes = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1)
            there = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
            found.append((boxes[there], np.ones(there.sum(), np.float32), points[there]))
        return found
