"""The head that regresses heatmaps and predicts points with covariances."""

import math

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.ops.covariance import merge, mirror
from hybridkp.ops.peaks import highest_cells

Features = tuple[Tensor, ...]


@MODELS.register_module()
class GaussianHeatmapHead(BaseModule):
    """One 1x1 convolution to K heatmaps, trained on and decoded by a `KeypointCodec`.

    Targets are rendered on the device from keypoint labels. Each keypoint's squared error is divided by its target's
    own sum of squares, so that the loss is 1 for an empty prediction, whatever the map's size and the target's
    width, and a learned width is free to change.

    Args:
        in_channels: channels of the finest feature map.
        num_keypoints: K.
        codec: config of a `KeypointCodec`.
        loss: config of a heatmap loss ``(output, target, weights (B, K)) -> scalar``.
        init_cfg: config of the initialisation.
    """

    def __init__(
        self, in_channels: int, num_keypoints: int, codec: dict, loss: dict, init_cfg: dict | list | None = None
    ):
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.001))
        self.codec = KEYPOINT_CODECS.build(dict(codec, num_keypoints=num_keypoints))
        self.loss_module = MODELS.build(loss)
        self.final_layer = nn.Conv2d(in_channels, num_keypoints, 1)

    def forward(self, feats: Features) -> Tensor:
        """Map features, finest first, to heatmaps (B, K, h, w)."""
        return self.final_layer(feats[0])

    def loss(self, feats: Features, samples: list[PoseDataSample], train_cfg: dict | None = None) -> dict[str, Tensor]:
        """Compute the losses, all on the device.

        The samples' ``gt_instance_labels`` hold ``keypoint_labels`` (1, K, 2) in input px and ``keypoint_weights``
        (1, K), and their metainfo ``input_size`` (width, height).

        Returns:
            ``loss_keypoint``, ``loss_covariance`` where the codec learns, and the accuracy ``acc_pose``: the fraction
            of labelled keypoints whose highest cell is within a twentieth of the map's diagonal of the target's.
        """
        heatmaps = self.forward(feats).float()
        size = heatmaps.shape[-2:]
        keypoints = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
        weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
        width, height = samples[0].metainfo['input_size']
        covariance = self.codec.target_covariance(keypoints, (int(height), int(width)))
        targets = self.codec.encode(keypoints, covariance, size)
        energy = self.codec.target_energy(covariance)
        losses = {'loss_keypoint': self.loss_module(heatmaps, targets, weights * (size.numel() / energy))}
        penalty = self.codec.penalty()
        if penalty is not None:
            losses['loss_covariance'] = penalty
        losses['acc_pose'] = _accuracy(heatmaps.detach(), targets.detach(), weights)
        return losses

    def predict(
        self, feats: Features | list[Features], samples: list[PoseDataSample], test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Predict one instance a sample, in input px.

        With ``flip_test`` in `test_cfg`, `feats` is the pair of the features of the images and of the mirrored
        images; both are decoded, and points and covariances are averaged with the scores as weights; where the two
        do not agree, the more confident one is taken (see `ops.covariance.merge`).

        Returns:
            Instances with ``keypoints`` (1, K, 2) px, ``keypoint_scores`` (1, K) and ``keypoint_covariances``
            (1, K, 2, 2) px^2.
        """
        if (test_cfg or {}).get('flip_test', False):
            flip_indices = samples[0].metainfo['flip_indices']
            keypoints, scores, covariances = self._predict_flipped(*feats, list(flip_indices))
        else:
            keypoints, scores, covariances = self.codec.decode(self.forward(feats))
        return [
            InstanceData(keypoints=k[None], keypoint_scores=s[None], keypoint_covariances=c[None])
            for k, s, c in zip(keypoints, scores, covariances, strict=True)
        ]

    def _predict_flipped(self, feats: Features, mirrored: Features, flip_indices: list[int]) -> tuple[Tensor, ...]:
        """Decode both views and merge them: points (B, K, 2), scores (B, K), covariances (B, K, 2, 2)."""
        views = [self.forward(feats), self.forward(mirrored)[:, flip_indices]]
        (points, scores, covariances), (points2, scores2, covariances2) = (self.codec.decode(view) for view in views)
        right = views[0].shape[-1] * self.codec.stride - 1
        points2 = torch.stack((right - points2[..., 0], points2[..., 1]), dim=-1)
        scores = torch.stack((scores, scores2))
        points, covariances = merge(
            torch.stack((points, points2)), torch.stack((covariances, mirror(covariances2))), scores
        )
        return points, scores.mean(dim=0), covariances


def _accuracy(heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted fraction of maps (B, K, h, w) whose highest cell is near the target's, a scalar."""
    (_, rows, columns), (_, target_rows, target_columns) = (
        highest_cells(maps.flatten(0, 1)) for maps in (heatmaps, targets)
    )
    distance = torch.hypot((rows - target_rows).float(), (columns - target_columns).float()).view_as(weights)
    near = (distance <= 0.05 * math.hypot(*heatmaps.shape[-2:])).to(weights.dtype)
    return (near * weights).sum() / weights.sum().clamp(min=1)
