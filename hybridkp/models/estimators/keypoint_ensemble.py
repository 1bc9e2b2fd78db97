"""Several estimators that predict together."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.models.estimators.keypoint_estimator import to_image
from hybridkp.ops.covariance import merge


@MODELS.register_module()
class KeypointEnsemble(BaseModel):
    """Estimators trained apart, for instance from several seeds, whose predictions are merged.

    Points are averaged with the scores as weights, where they agree; the covariance is the second moment of all about
    the result, so that disagreement makes it wider (see `ops.covariance.merge`).

    Args:
        members: configs of the estimators, which all take the same input.
        data_preprocessor: config of the preprocessor that they share.

    Raises:
        ValueError: if there is no member.
    """

    def __init__(self, members: Sequence[dict], data_preprocessor: dict | None = None):
        super().__init__(data_preprocessor)
        if not members:
            raise ValueError('KeypointEnsemble takes at least one member')
        self.members = nn.ModuleList(MODELS.build(member) for member in members)

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[PoseDataSample]:
        """Run the networks on preprocessed images (B, C, H, W).

        Returns:
            The mean of the heatmaps (B, K, h, w) in mode ``'tensor'``; in mode ``'predict'`` the samples with
            ``pred_instances`` in image px, as of `KeypointEstimator`.

        Raises:
            ValueError: if the mode is another one: the members are trained one by one.
        """
        if mode == 'tensor':
            return torch.stack([member(inputs) for member in self.members]).mean(dim=0)
        if mode == 'predict':
            views = [member.predict_instances(inputs, data_samples) for member in self.members]
            return to_image([_merged(instances) for instances in zip(*views, strict=True)], data_samples)
        raise ValueError(f"mode is 'tensor' or 'predict', not {mode!r}: the members are trained one by one")


def _merged(instances: Sequence[InstanceData]) -> InstanceData:
    """Merge what the members say of one instance."""
    points, scores, covariances = (
        torch.stack([instance[name] for instance in instances])
        for name in ('keypoints', 'keypoint_scores', 'keypoint_covariances')
    )
    points, covariances = merge(points, covariances, scores)
    return InstanceData(keypoints=points, keypoint_scores=scores.mean(dim=0), keypoint_covariances=covariances)
