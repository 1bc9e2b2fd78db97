"""Finding the people whose keypoints another network then finds."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from mmengine.config import Config

from hybridkp.errors import InputError
from hybridkp.inference.frame_predictor import Boxes, FramePredictor, as_read


class PersonDetector:
    """A detector of people: one of our single-stage networks, or any that MMDetection has.

    Args:
        cfg: the config, see `read_config`.
        checkpoint: the checkpoint file.
        device: where it runs.
        minimum: boxes with a lower score are left out.
        category: the number of the class whose boxes are taken; of COCO's classes 0 is the person.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: the checkpoint does not fit, the config is no detector's, or MMDetection is not installed.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str, minimum: float = 0.25, category: int = 0):
        config = cfg.filename
        self.minimum, self.category, self.name = minimum, category, f'{Path(config).name} {Path(checkpoint).name}'
        self.predictor = self.model = None
        if cfg.model.type == 'SingleStageEstimator':
            self.predictor = FramePredictor(cfg, [checkpoint], device)
            self.predictor.model.test_cfg = {**self.predictor.model.test_cfg, 'score_threshold': minimum}
        elif cfg.model.type in ('KeypointEstimator', 'KeypointEnsemble', 'InterestPointEstimator'):
            raise InputError(f'{config}: expected a detector, got a {cfg.model.type}, which does not find people')
        else:
            self._apis = _detection_apis(config)
            self.model = self._apis.init_detector(config, checkpoint, device=device)

    def __call__(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        """Find the boxes (N, 4), left, top, right, bottom in px, and their scores (N,) in each of some images.

        The images are (h, w, 3), BGR, or (h, w), uint8.
        """
        if self.predictor is not None:
            found = self.predictor.predict(images, [None] * len(images))
        else:
            results = [self._apis.inference_detector(self.model, as_read(image, 'color')) for image in images]
            found = [result.pred_instances.cpu().numpy() for result in results]
        boxes = []
        for people in found:
            scores = people.bbox_scores if self.predictor is not None else people.scores
            sides = people.bboxes[:, 2:] - people.bboxes[:, :2]
            keep = (scores >= self.minimum) & (people.labels == self.category) & (sides > 0).all(axis=1)
            boxes.append((people.bboxes[keep].astype(np.float32), scores[keep].astype(np.float32)))
        return boxes


def read_config(path: str) -> Config:
    """Read a config of ours or of others, whose keys may be unknown here.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it cannot be read or names no model.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    try:
        cfg = Config.fromfile(path)
        cfg.model.type  # noqa: B018
    except Exception as error:  # a config is a program: it may raise whatever it likes
        raise InputError(f'config {path} cannot be read as that of a detector: {error}') from error
    return cfg


def _detection_apis(config: str) -> ModuleType:
    """Give MMDetection's functions for inference."""
    try:
        return importlib.import_module('mmdet.apis')
    except Exception as error:  # a check of versions may be an AssertionError, a wrong build an OSError
        raise InputError(
            f'{config}: this detector needs MMDetection, which cannot be imported ({error}); install mmdet, take a '
            'network of configs/detector, or give the boxes as a file'
        ) from error
