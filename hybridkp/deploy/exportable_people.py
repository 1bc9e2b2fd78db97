"""Single-stage estimators from images to people in one graph."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from hybridkp.deploy.input_normalisation import InputNormalisation
from hybridkp.models.heads.yolo_pose_head import CANDIDATES, SETTINGS


class ExportablePeople(nn.Module):
    """A `SingleStageEstimator` with its preprocessor and decoder, before suppression: a row an anchor and cell.

    Attributes:
        names: of what `forward` returns.
        settings: of the suppression: ``score_threshold``, ``iou_threshold`` and ``max_people``.

    Args:
        model: the estimator.
        flip_indices: each keypoint's mirrored one, for the flip test; None for none.
    """

    task = 'people'
    calibrated = False
    names: ClassVar[dict[str, str]] = {
        'boxes': '(B, N, 4), left, top, right and bottom in px of the input',
        'scores': '(B, N), best first after suppression, 0 where there is nobody',
        'labels': '(B, N), the class',
        'keypoints': '(B, N, K, 2), x and y in px of the input',
        'keypoint_scores': '(B, N, K)',
        'covariances': '(B, N, K, 2, 2) in px^2 of the input',
    }

    def __init__(self, model: BaseModel, flip_indices: Sequence[int] | None = None):
        super().__init__()
        self.normalise = InputNormalisation(model.data_preprocessor)
        self.model, self.head = model, model.head
        self.flip_indices = None if flip_indices is None else [int(index) for index in flip_indices]
        self.settings = {name: model.test_cfg.get(name, default) for name, default in SETTINGS.items()}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, C, H, W), uint8, to what `names` says."""
        inputs = self.normalise(images)
        rows = self.head.decode(self.model.extract_feat(inputs))
        if self.flip_indices is not None:
            mirrored = self.head.decode(self.model.extract_feat(inputs.flip(-1)))
            rows = torch.cat((rows, self.head.mirrored(mirrored, inputs.shape[-1], self.flip_indices)), dim=1)
        scores, labels = self.head.scored(rows, self.settings['score_threshold'])
        if scores.shape[1] > CANDIDATES:
            least = scores.topk(CANDIDATES, dim=1).values[:, -1:]
            scores = torch.where(scores >= least, scores, 0)
        boxes, keypoints, keypoint_scores, covariances = self.head.people(rows)
        return boxes, scores, labels, keypoints, keypoint_scores, covariances
