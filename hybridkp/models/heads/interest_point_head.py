"""The head that scores every place of an image as an interest point."""

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn
from torch.nn import functional

from hybridkp.models.teachers.point_labels import PointLabels
from hybridkp.ops.full_precision import full_precision
from hybridkp.ops.homography import inside, transform_covariances, transform_points, warp_images
from hybridkp.ops.point_maps import local_maxima

_LEAST_PEAK = 0.1
"""What a peak of the map must reach to count in the accuracy."""


@MODELS.register_module()
class InterestPointHead(BaseModule):
    """One 1x1 convolution to one map, finer than the features by rearranged channels, with any number of points on it.

    Trained on the mean over a teacher's views: a place's score becomes the mean weight of the points that the teacher
    has there, over the views that show it. The summed squared error is divided by the targets' own sum of squares, so
    that it is 1 for an empty prediction.

    Args:
        in_channels: channels of the finest feature map.
        codec: config of a `ScoreMap`.
        loss: config of a loss ``(output, target, weights) -> scalar`` with a weight a cell, all (B, 1, h, w).
        consistency: config of a loss ``(maps, others, shown) -> scalar`` of the views' maps and those of the images,
            brought into the views; None for none.
        feature_stride: input pixels per cell of the finest feature map, a multiple of the codec's stride.
        init_cfg: config of the initialisation.

    Raises:
        ValueError: if the strides do not fit.
    """

    def __init__(
        self,
        in_channels: int,
        codec: dict,
        loss: dict,
        consistency: dict | None = None,
        feature_stride: int = 4,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.001, bias=-3.0))
        self.codec = KEYPOINT_CODECS.build(codec)
        if feature_stride % self.codec.stride:
            raise ValueError(
                f"InterestPointHead: expected a codec stride that divides the features' {feature_stride} px, "
                f'got {self.codec.stride}'
            )
        finer = feature_stride // self.codec.stride
        self.loss_module = MODELS.build(loss)
        self.consistency = MODELS.build(consistency) if consistency else None
        self.final_layer = nn.Conv2d(in_channels, finer**2, 1)
        self.rearrange = nn.PixelShuffle(finer)

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Map features, finest first, to one score map (B, 1, h, w) in [0, 1], float32 at least."""
        logits = self.rearrange(self.final_layer(feats[0]))
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()

    def loss(
        self,
        feats: tuple[Tensor, ...],
        labels: PointLabels,
        homographies: Tensor,
        input_size: tuple[int, int],
        image_feats: tuple[Tensor, ...] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the loss, all on the device.

        Args:
            feats: features of views of the images that were labelled.
            labels: of the images.
            homographies: (B, 3, 3), from the images to those views.
            input_size: (H, W) of images and views.
            image_feats: features of the images themselves, for the consistency.

        Returns:
            ``loss_keypoint``, ``loss_consistency`` where there is one, and the accuracy ``acc_pose``: the share of the
            points in the images themselves that have a peak of the map of at least 0.1 within a cell.
        """
        maps = self.forward(feats)
        image_maps = self.forward(image_feats) if self.consistency is not None else None
        with full_precision(maps.device):
            targets, seen = self.targets(labels, homographies, input_size, maps.shape[-2:])
            energy = (targets.square() * seen).sum().clamp(min=1)
            loss = self.loss_module(maps, targets, seen * (seen.numel() / energy))
            losses = {'loss_keypoint': loss}
            if image_maps is not None:
                losses['loss_consistency'] = self.consistency(maps, self._brought(image_maps, homographies), seen)
            losses['acc_pose'] = self._accuracy(maps.detach()[:, 0], labels, homographies)
        return losses

    @torch.no_grad()
    def targets(
        self, labels: PointLabels, homographies: Tensor, input_size: tuple[int, int], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Draw labels as views of the images, by homographies (B, 3, 3) from the images, would have them.

        Returns:
            The mean over the teacher's views of the weights that their points have in a cell, of the views that show
            it, (B, 1, h, w), and whether (B, 1, h, w), 0 or 1, the image shows the cell.
        """
        batch, groups = labels.weights.shape[:2]
        points, covariances = self._moved(labels, homographies)
        maps = self.codec.encode(
            points.flatten(0, 1), covariances.flatten(0, 1), labels.weights.flatten(0, 1), tuple(size)
        ).view(batch, groups, *size)
        centres = self.codec.cell_centres(size, points).flatten(0, 1)
        origins = transform_points(centres, torch.linalg.inv_ex(homographies)[0])
        shown = inside(origins, input_size)[:, None]
        seen = shown & inside(transform_points(origins[:, None], labels.homographies), input_size)
        seen = seen.view(batch, groups, *size).to(maps.dtype)
        targets = (maps * seen).sum(dim=1, keepdim=True) / seen.sum(dim=1, keepdim=True).clamp(min=1)
        return targets, shown.view(batch, 1, *size).to(maps.dtype)

    def _moved(self, labels: PointLabels, homographies: Tensor) -> tuple[Tensor, Tensor]:
        """Map the points (B, G, N, 2) and covariances (B, G, N, 2, 2) of labels from the images to the views."""
        to_views = homographies[:, None]
        return (
            transform_points(labels.points, to_views),
            transform_covariances(labels.covariances, labels.points, to_views),
        )

    def _brought(self, maps: Tensor, homographies: Tensor) -> Tensor:
        """Draw maps (B, 1, h, w) of images as their views by homographies (B, 3, 3) have them."""
        to_cells = self.codec.to_cells
        return warp_images(maps, to_cells @ homographies @ torch.linalg.inv_ex(to_cells)[0])

    def _accuracy(self, maps: Tensor, labels: PointLabels, homographies: Tensor) -> Tensor:
        """Return the share of the images' own points with a peak of maps (B, h, w) within a cell, a scalar."""
        stride, (height, width) = self.codec.stride, maps.shape[-2:]
        peaks = (local_maxima(maps, max(1, round(self.codec.radius / stride))) & (maps >= _LEAST_PEAK)).float()
        near = functional.max_pool2d(peaks[:, None], 3, 1, 1).flatten(1)
        cells = (transform_points(labels.points[:, 0], homographies) + 0.5) / stride - 0.5
        weights = labels.weights[:, 0] * inside(cells, (height, width))
        columns, rows = (
            cells[..., axis].nan_to_num(0, 0, 0).round().clamp(0, side - 1).long()
            for axis, side in ((0, width), (1, height))
        )
        return (near.gather(1, rows * width + columns) * weights).sum() / weights.sum().clamp(min=1)

    def predict(self, feats: tuple[Tensor, ...], test_cfg: dict | None = None) -> list[InstanceData]:
        """Find the points of each image, in input px.

        Args:
            feats: features, finest first.
            test_cfg: ``max_points`` (500 by default) and ``threshold`` of the score (0 by default).

        Returns:
            An image's N points as instances of one keypoint, the best first: ``keypoints`` (N, 1, 2) px,
            ``keypoint_scores`` (N, 1) and ``keypoint_covariances`` (N, 1, 2, 2) px^2.
        """
        test_cfg = test_cfg or {}
        found = self.codec.decode(self.forward(feats), test_cfg.get('max_points', 500), test_cfg.get('threshold', 0.0))
        return [
            InstanceData(
                keypoints=points[scores > 0, None],
                keypoint_scores=scores[scores > 0, None],
                keypoint_covariances=covariances[scores > 0, None],
            )
            for points, scores, covariances in zip(*found, strict=True)
        ]
