"""A trained network of interest points as a detector."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.errors import InputError


class PointNetwork:
    """The network of a config and a checkpoint, for images of any size.

    Args:
        cfg: the config, of an `InterestPointEstimator`.
        checkpoint: the file.
        count: how many points an image has at most.
        threshold: the least score.
        device: where it runs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: the checkpoint is damaged or of another model, or the config is of no interest points.
    """

    def __init__(self, cfg: Config, checkpoint: str, count: int = 2000, threshold: float = 0.0, device: str = 'cpu'):
        if cfg.model.type != 'InterestPointEstimator':
            raise InputError(f'{cfg.filename}: expected a model of interest points, got {cfg.model.type}')
        self.model = MODELS.build(cfg.model)
        check_checkpoint(checkpoint, self.model)
        load_checkpoint(self.model, checkpoint, map_location='cpu')
        self.model.to(device).eval()
        self.model.test_cfg = dict(self.model.test_cfg, max_points=count, threshold=threshold)

    @torch.no_grad()
    def predict(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find points (N, 2), the best first, their scores (N,) and covariances (N, 2, 2) in px of an image.

        The image is (h, w, 3), uint8, BGR.
        """
        inputs = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        data = self.model.data_preprocessor(dict(inputs=[inputs], data_samples=[PoseDataSample()]))
        found = self.model(**data, mode='predict')[0].pred_instances
        points, scores, covariances = found.keypoints, found.keypoint_scores, found.keypoint_covariances
        inside = ((points[:, 0] > -0.5) & (points[:, 0] < np.array(image.shape[1::-1]) - 0.5)).all(axis=1)
        return points[inside, 0].astype(float), scores[inside, 0].astype(float), covariances[inside, 0].astype(float)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find points (N, 2) and their scores (N,), as any detector does."""
        return self.predict(image)[:2]
