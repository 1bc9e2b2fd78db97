"""The first of two networks, whose points say where the second one looks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from hybridkp.datasets.coco_closeups import around
from hybridkp.errors import InputError
from hybridkp.inference.frame_predictor import Boxes, FramePredictor


class FirstStage:
    """Finds one instance in a frame; the box around its points is what the second network sees, see `CocoCloseups`.

    Args:
        cfg: the config of a network that sees whole frames, or a region of each.
        checkpoint: the checkpoint file.
        device: where it runs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: the checkpoint is damaged or of another model, or the network needs boxes itself.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str):
        self.name = f'{Path(cfg.filename).name} {Path(checkpoint).name}'
        self.predictor = FramePredictor(cfg, [checkpoint], device)
        if self.predictor.needs_boxes:
            raise InputError(
                f'{cfg.filename}: expected a detector, or the first of two networks, which sees whole frames, got one '
                'that needs boxes itself'
            )

    def __call__(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        """Find in each of some images, (h, w, 3), BGR, or (h, w), uint8, one instance.

        Returns:
            For each image its box (1, 4), left, top, right, bottom in px, a score (1,) of 1 and its points (1, K, 2)
            in px, float32.
        """
        found = []
        for people in self.predictor.predict(images, [None] * len(images)):
            box = around(people.keypoints[0], f'{self.name}: an image')
            found.append((box[None], np.ones(1, np.float32), people.keypoints))
        return found
