"""The first of two networks, whose points say where the second one looks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from mmengine.config import Config

from hybridkp.errors import InputError
from hybridkp.inference.frame_predictor import Boxes, FramePredictor


class FirstStage:
    """Finds one instance in a frame; the box around its points is what the second network sees, see `CocoCloseups`.

    Args:
        cfg: the config of a network that sees whole frames, or a region of each, or what the stage before found.
        checkpoints: the checkpoint file, or several, whose heatmaps are averaged.
        device: where it runs.
        before: the stage before, where this is the second of three networks.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: the checkpoint is damaged or of another model, or the network needs boxes and nothing gives any, or
            takes none.
    """

    def __init__(self, cfg: Config, checkpoints: Sequence[str], device: str, before: Optional['FirstStage'] = None):
        self.name = ' '.join(Path(path).name for path in (cfg.filename, *checkpoints))
        self.predictor, self.before = FramePredictor(cfg, checkpoints, device), before
        if before is not None and not isinstance(before, FirstStage):
            raise InputError(
                f'{cfg.filename}: expected a network of landmarks before it, got the detector {before.name}'
            )
        if before is None and self.predictor.needs_boxes:
            raise InputError(
                f'{cfg.filename}: expected a detector, or the first of two networks, which sees whole frames, got one '
                'that needs boxes itself'
            )
        if before is not None:
            self.name = f'{before.name}, {self.name}'
            check_follows(self.predictor, before)

    def __call__(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        """Find in each of some images, (h, w, 3), BGR, or (h, w), uint8, at most one instance.

        Returns:
            For each image the box (N, 4) around the points, left, top, right, bottom in px, a score (N,) of 1, the
            points (N, K, 2) in px and their covariances (N, K, 2, 2) in px^2, float32; N is 1, or 0 where the points
            have no area around them.
        """
        found = []
        before = self.before(images) if self.before else [None] * len(images)
        for people in self.predictor.predict(images, before):
            points = people.keypoints
            boxes = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1)
            there = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
            scores = np.ones(there.sum(), np.float32)
            found.append((boxes[there], scores, points[there], people.keypoint_covariances[there]))
        return found


def check_follows(second: FramePredictor, first: FirstStage) -> None:
    """Refuse a network that cannot look at what another one found.

    Raises:
        InputError: if it takes no boxes, or if its keypoints are others.
    """
    if not second.takes_boxes:
        raise InputError(f'{second.name}: expected no boxes: the network sees whole frames and finds its own people')
    ours, its = (list(predictor.meta['keypoint_name2id']) for predictor in (second, first.predictor))
    if its != ours:
        raise InputError(f'{first.predictor.name}: expected the keypoints of {second.name}, {ours}, got {its}')
