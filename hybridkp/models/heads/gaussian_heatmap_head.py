"""The head that regresses heatmaps and predicts points with covariances."""

import math
from collections.abc import Callable

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.codecs.target_context import TargetContext
from hybridkp.models.calibrations.covariance_map import CovarianceMap
from hybridkp.models.heads.near_prior import near_prior
from hybridkp.ops.covariance import keep_definite, merge, mirror
from hybridkp.ops.peaks import highest_cells
from hybridkp.ops.published_decoders import average_views

Features = tuple[Tensor, ...]


@MODELS.register_module()
class GaussianHeatmapHead(BaseModule):
    """One 1x1 convolution to K heatmaps, trained on and decoded by a `KeypointCodec`.

    Targets are rendered on the device from keypoint labels. Each keypoint's summed loss is divided by its target's own
    sum of squares, so that the squared error is 1 for an empty prediction, whatever the map's size and the target's
    width, and a learned width is free to change.

    A head of other layers overrides `_add_layers` and `_logits`, one that predicts more than heatmaps `view`,
    `_decode_view` and `_further_losses`.

    Args:
        in_channels: channels of the finest feature map.
        num_keypoints: K.
        codec: config of a `KeypointCodec`.
        loss: config of a heatmap loss ``(output, target, weights (B, K)) -> scalar``.
        sigmoid: whether heatmaps are the logistic function, in float32 at least, of what the convolution returns.
        init_cfg: config of the initialisation.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        codec: dict,
        loss: dict,
        sigmoid: bool = False,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.001))
        self.codec = KEYPOINT_CODECS.build(dict(codec, num_keypoints=num_keypoints))
        self.loss_module = MODELS.build(loss)
        self.sigmoid = sigmoid
        self.calibration = CovarianceMap(num_keypoints)
        self._add_layers(in_channels, num_keypoints)

    def _add_layers(self, in_channels: int, num_keypoints: int) -> None:
        """Add the layers that `_logits` runs."""
        self.final_layer = nn.Conv2d(in_channels, num_keypoints, 1)

    def _logits(self, feats: Features) -> list[Tensor]:
        """Map features to every map (B, K, h, w) that is supervised; the last one predicts."""
        return [self.final_layer(feats[0])]

    def _heatmaps(self, logits: Tensor) -> Tensor:
        if not self.sigmoid:
            return logits
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()

    def forward(self, feats: Features) -> Tensor:
        """Map features, finest first, to heatmaps (B, K, h, w)."""
        return self._heatmaps(self._logits(feats)[-1])

    def loss(
        self,
        feats: Features,
        samples: list[PoseDataSample],
        train_cfg: dict | None = None,
        inputs: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses, all on the device.

        The samples' ``gt_instance_labels`` hold ``keypoint_labels`` (1, K, 2) in input px and ``keypoint_weights``
        (1, K), for some sources of target covariances ``input_jacobians`` (1, 2, 2) and ``instance_areas`` (1,), and
        their metainfo ``input_size`` (width, height). The preprocessed images `inputs` (B, C, H, W) are for sources
        that look at them.

        Returns:
            ``loss_keypoint``, ``loss_covariance`` where the codec learns, and the accuracy ``acc_pose``: the fraction
            of labelled keypoints whose highest cell is within a twentieth of the map's diagonal of the target's.

        Raises:
            ValueError: if the maps' size is not that of the input over the codec's stride, rounded up.
        """
        heatmaps = [self._heatmaps(logits).float() for logits in self._logits(feats)]
        size = heatmaps[-1].shape[-2:]
        keypoints, weights, jacobians, areas = (
            _labels(samples, name)
            for name in ('keypoint_labels', 'keypoint_weights', 'input_jacobians', 'instance_areas')
        )
        width, height = map(int, samples[0].metainfo['input_size'])
        self._check_size(size, (height, width))
        context = TargetContext(weights, jacobians, areas, inputs)
        covariance = self.codec.target_covariance(keypoints, (height, width), context)
        targets = self.codec.encode(keypoints, covariance, size)
        energy = self.codec.target_energy(covariance)
        weights_of_maps = weights * (size.numel() / energy)
        terms = [self.loss_module(maps, targets, weights_of_maps) for maps in heatmaps]
        losses = {'loss_keypoint': torch.stack(terms).mean()}
        penalty = self.codec.penalty()
        if penalty is not None:
            losses['loss_covariance'] = penalty
        losses |= self._further_losses(feats, heatmaps[-1], keypoints, weights)
        losses['acc_pose'] = _accuracy(heatmaps[-1].detach(), targets.detach(), weights)
        return losses

    def _further_losses(
        self, feats: Features, heatmaps: Tensor, keypoints: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Return the losses of what a head has beside heatmaps (B, K, h, w), of labels (B, K, 2) px and (B, K)."""
        return {}

    def _check_size(self, size: tuple[int, int], input_size: tuple[int, int]) -> None:
        stride = self.codec.stride
        expected = tuple(-(-side // stride) for side in input_size)
        if tuple(size) != expected:
            raise ValueError(
                f'the maps are {tuple(size)} cells (h, w), but an input of {input_size} px has {expected} at the '
                f"codec's stride of {stride} px"
            )

    def predict(
        self, feats: Features | list[Features], samples: list[PoseDataSample], test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Predict one instance a sample, in input px.

        With ``flip_test`` in `test_cfg`, `feats` is the pair of the features of the images and of the mirrored
        images; both are decoded, and points and covariances are averaged with the scores as weights; where the two
        do not agree, the more confident one is taken (see `ops.covariance.merge`). A codec with a `flip_shift` has the
        heatmaps averaged and their mean decoded instead, as published checkpoints are measured. With a
        ``search_radius`` peaks are looked for near the samples' ``prior_keypoints``, see `near_prior`.

        Returns:
            Instances with ``keypoints`` (1, K, 2) px, ``keypoint_scores`` (1, K) and ``keypoint_covariances``
            (1, K, 2, 2) px^2.
        """
        test_cfg = test_cfg or {}
        views = [self.view(view) for view in (feats if test_cfg.get('flip_test', False) else [feats])]
        return self.decode(near_prior(views, samples, self.codec, test_cfg.get('search_radius')), samples)

    def view(self, feats: Features) -> Tensor:
        """Map features to what `decode` takes of a view; the mean of several networks' views is one, too."""
        return self.forward(feats)

    def decode(
        self,
        views: list[Tensor],
        samples: list[PoseDataSample],
        calibration: Callable[[Tensor], Tensor] | None = None,
    ) -> list[InstanceData]:
        """Decode heatmaps (B, K, h, w) of the images and, for the flip test, those of the mirrored images.

        The covariances are mapped by a calibration, of which the head has one of its own.

        Returns what `predict` returns.

        Raises:
            ValueError: if the codec averages heatmaps, but the views are more than heatmaps, or if the flip test meets
                an input whose width is no multiple of the codec's stride.
        """
        return self.instances(*self.decode_batch(views, self.flip_indices(views, samples), calibration))

    def flip_indices(self, views: list[Tensor], samples: list[PoseDataSample]) -> list[int] | None:
        """Return each keypoint's mirrored one where the flip test gives two views of samples."""
        if len(views) == 1:
            return None
        width, stride = samples[0].metainfo.get('input_size', (0,))[0], self.codec.stride
        if width % stride:
            raise ValueError(f'the flip test takes inputs whose width is a multiple of {stride} px, not {width} px')
        return list(samples[0].metainfo['flip_indices'])

    @staticmethod
    def instances(keypoints: Tensor, scores: Tensor, covariances: Tensor) -> list[InstanceData]:
        """Make an instance a sample of points (B, K, 2), scores (B, K) and covariances (B, K, 2, 2)."""
        return [
            InstanceData(keypoints=k[None], keypoint_scores=s[None], keypoint_covariances=c[None])
            for k, s, c in zip(keypoints, scores, covariances, strict=True)
        ]

    def decode_batch(
        self,
        views: list[Tensor],
        flip_indices: list[int] | None = None,
        calibration: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode as `decode` does: points (B, K, 2) px, scores (B, K), covariances (B, K, 2, 2) px^2.

        `flip_indices` are each keypoint's mirrored ones, where there are two views.
        """
        if len(views) > 1 and getattr(self.codec, 'flip_shift', None) is not None:
            views = [self._average(*views, flip_indices)]
        if len(views) == 1:
            keypoints, scores, covariances = self._decode_view(views[0])
        else:
            keypoints, scores, covariances = self._decode_both(*views, flip_indices)
        return keypoints, scores, (self.calibration if calibration is None else calibration)(covariances)

    def decode_together(
        self,
        looks: list[list[Tensor]],
        flip_indices: list[int] | None = None,
        calibration: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode the views that each of several networks, or of scales of the images, has of the same images.

        A point is that of the mean of the views, its covariance the mean of the second moments about it of what each
        says alone: where all agree, this is the law of total covariance. Returns what `decode_batch` returns.
        """
        if len(looks) == 1:
            return self.decode_batch(looks[0], flip_indices, calibration)
        means = [torch.stack(views).mean(dim=0) for views in zip(*looks, strict=True)]
        keypoints, scores, _ = self.decode_batch(means, flip_indices, nn.Identity())
        moments = 0
        for views in looks:
            alone, _, covariances = self.decode_batch(views, flip_indices, nn.Identity())
            apart = alone - keypoints
            moments = moments + covariances + apart[..., :, None] * apart[..., None, :]
        calibration = self.calibration if calibration is None else calibration
        return keypoints, scores, calibration(keep_definite(moments / len(looks)))

    def _decode_view(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode a view: points (B, K, 2) px, scores (B, K), covariances (B, K, 2, 2) px^2."""
        return self.codec.decode(view)

    def _average(self, heatmaps: Tensor, mirrored: Tensor, flip_indices: list[int]) -> Tensor:
        """Average the heatmaps (B, K, h, w) of both views as the codec has it."""
        if heatmaps.dim() != 4:
            codec = type(self.codec).__name__
            raise ValueError(f'{codec} averages heatmaps in the flip test, and {type(self).__name__} has more')
        return average_views(heatmaps, mirrored, flip_indices, self.codec.flip_shift)

    def _decode_both(self, heatmaps: Tensor, mirrored: Tensor, flip_indices: list[int]) -> tuple[Tensor, ...]:
        """Decode both views and merge them: points (B, K, 2), scores (B, K), covariances (B, K, 2, 2)."""
        both = self._decode_view(torch.cat((heatmaps, mirrored[:, flip_indices])))
        (points, points2), scores, (covariances, covariances2) = (values.unflatten(0, (2, -1)) for values in both)
        right = heatmaps.shape[-1] * self.codec.stride - 1
        points2 = torch.stack((right - points2[..., 0], points2[..., 1]), dim=-1)
        points, covariances = merge(
            torch.stack((points, points2)), torch.stack((covariances, mirror(covariances2))), scores
        )
        return points, scores.mean(dim=0), covariances


def _labels(samples: list[PoseDataSample], name: str) -> Tensor | None:
    """Stack one kind of the samples' labels, or give None where they do not have it."""
    if name not in samples[0].gt_instance_labels:
        return None
    return torch.cat([sample.gt_instance_labels[name] for sample in samples])


def _accuracy(heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted fraction of maps (B, K, h, w) whose highest cell is near the target's, a scalar."""
    (_, rows, columns), (_, target_rows, target_columns) = (
        highest_cells(maps.flatten(0, 1)) for maps in (heatmaps, targets)
    )
    distance = torch.hypot((rows - target_rows).float(), (columns - target_columns).float()).view_as(weights)
    near = (distance <= 0.05 * math.hypot(*heatmaps.shape[-2:])).to(weights.dtype)
    return (near * weights).sum() / weights.sum().clamp(min=1)
