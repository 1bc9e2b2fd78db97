"""The head of single-stage keypoint detectors with anchors."""

import math
from collections.abc import Sequence

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.models.heads.anchor_pose_layers import AnchorPoseLayers
from hybridkp.ops.anchor_rows import AnchorRows, covariance_matrices, decode_map
from hybridkp.ops.boxes import AREA_OF_BOX, to_corners
from hybridkp.ops.covariance import mirror
from hybridkp.ops.pose_targets import PoseTargets
from hybridkp.ops.suppression import suppress

SETTINGS = dict(score_threshold=0.001, iou_threshold=0.65, max_people=300)
"""Of the suppression, where a `test_cfg` does not say it."""
CANDIDATES = 30_000
"""So many of an image's rows, those of the highest scores, are looked at by the suppression."""
LABELS = ('class_labels', 'box_labels', 'keypoint_labels', 'keypoint_flags', 'instance_areas')
"""What a training sample has, see `PersonLabels` for what they are."""

Features = tuple[Tensor, ...]


@MODELS.register_module()
class YoloPoseHead(BaseModule):
    """Boxes, classes and keypoints of every person in one pass, at several levels and by several anchors a cell.

    In the form of YOLOv7-w6-pose, whose published weights fit (`tools/convert_checkpoint.py yolov7-pose`).

    Under the rule ``'original'`` it is trained and scored as that network: the objectness' low initial value reaches
    only one anchor of three, and scores are objectness times class, also where there is one class, of which nothing is
    learned. Under ``'coco'`` it reaches all, and with one class the score is the objectness. `AnchorPoseLoss` says what
    differs in training.

    With a ``likelihood`` in the loss each keypoint has a covariance that is regressed. Without, it is a circle whose
    radius is sigma_k times the root of the person's area: what COCO's annotators differ by on a keypoint of a person of
    that size (the area is that of the box times 0.53). Such a covariance says how exact a label can be, and nothing
    about this prediction.

    Args:
        in_channels: channels of the levels, finest first.
        num_keypoints: K.
        sigmas: of the keypoints, from the skeleton.
        anchors: of each level, (width, height) of its anchors in px.
        loss: config of the loss, without what the head itself knows.
        num_classes: C.
        rule: ``'coco'`` or ``'original'``.
        strides: px a cell of each level.

    Raises:
        ValueError: if the numbers of levels, or of keypoints and sigmas differ, or as the loss says.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_keypoints: int,
        sigmas: Sequence[float],
        anchors: Sequence,
        loss: dict,
        num_classes: int = 1,
        rule: str = 'coco',
        strides: Sequence[int] = (8, 16, 32, 64),
    ):
        super().__init__()
        counts = {len(in_channels), len(anchors), len(strides)}
        if len(counts) > 1 or max(counts) > 4:
            raise ValueError(f'YoloPoseHead: expected as many in_channels, anchors and strides, up to 4, got {counts}')
        if len(sigmas) != num_keypoints:
            raise ValueError(
                f'YoloPoseHead: expected {num_keypoints} sigmas, as there are keypoints, got {len(sigmas)}'
            )
        self.num_keypoints, self.num_classes, self.rule = num_keypoints, num_classes, rule
        self.strides = tuple(strides)
        self.loss_module = MODELS.build(dict(loss, sigmas=sigmas, num_classes=num_classes, rule=rule))
        self.register_buffer('anchors', torch.tensor(anchors, dtype=torch.float32))
        count, covariances = self.anchors.shape[1], self.loss_module.likelihood is not None
        self.levels = nn.ModuleList(
            AnchorPoseLayers(channels, count, 5 + num_classes, num_keypoints, covariances) for channels in in_channels
        )
        self._init_values()

    def init_weights(self) -> None:
        """Begin anew as when it was built."""
        super().init_weights()
        self._init_values()

    def _init_values(self) -> None:
        """Begin with 8 objects in an image of 640x640 px and rare classes; convolutions begin as torch has them."""
        for layers, stride in zip(self.levels, self.strides, strict=True):
            objectness, classes = math.log(8 / (640 / stride) ** 2), math.log(0.6 / (self.num_classes - 0.99))
            layers.init_values(objectness, classes, every_anchor=self.rule == 'coco')

    def forward(self, feats: Features) -> list[Tensor]:
        """Map features, finest first, to raw rows (B, A, h, w, numbers) of each level.

        A row is four numbers of the box, the objectness, C classes, K times x, y and confidence and, with covariances,
        K times l11, l21 and l22.
        """
        return [layers(level) for layers, level in zip(self.levels, feats, strict=True)]

    def loss(
        self,
        feats: Features,
        samples: list[PoseDataSample],
        train_cfg: dict | None = None,
        inputs: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses, all on the device: ``loss_box`` and so on, times the number of images in all processes.

        The samples' ``gt_instance_labels`` hold what `PersonLabels` gives.
        """
        maps = self.forward(feats)
        labels = [[sample.gt_instance_labels[name] for sample in samples] for name in LABELS]
        losses = self.loss_module(maps, PoseTargets.of_images(*labels), self.anchors, self.strides)
        images = len(maps[0]) * get_world_size()
        return {f'loss_{name}': value * images for name, value in losses.items()}

    def predict(
        self, feats: Features | list[Features], samples: list[PoseDataSample], test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Predict the people of each image, in input px, best first.

        `test_cfg` may have ``score_threshold`` (0.001), ``iou_threshold`` (0.65) and ``max_people`` (300). With
        ``flip_test``, `feats` is the pair of the features of the images and of the mirrored images; what the latter
        predict is mirrored back and competes with the former in the suppression.

        Returns:
            Instances of N people with ``bboxes`` (N, 4) px, left, top, right, bottom, ``bbox_scores`` and ``labels``
            (N,), ``keypoints`` (N, K, 2) px, ``keypoint_scores`` (N, K), ``keypoint_covariances`` (N, K, 2, 2) px^2.
        """
        test_cfg = test_cfg or {}
        if not test_cfg.get('flip_test', False):
            return self.select(self.decode(feats), test_cfg)
        first, second = feats
        width = first[0].shape[-1] * self.strides[0]
        mirrored = self.mirrored(self.decode(second), width, samples[0].metainfo['flip_indices'])
        return self.select(torch.cat((self.decode(first), mirrored), dim=1), test_cfg)

    def decode(self, feats: Features) -> Tensor:
        """Map features to decoded rows (B, N, numbers) in input px, by level, anchor, row and column.

        As raw rows, with probabilities, and with xx, xy and yy of the covariances in px^2.
        """
        decoded = []
        for maps, anchors, stride in zip(self.forward(feats), self.anchors, self.strides, strict=True):
            maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
            decoded.append(decode_map(self._parts(maps), anchors, stride).joined().flatten(1, 3))
        return torch.cat(decoded, dim=1)

    def _parts(self, rows: Tensor) -> AnchorRows:
        return AnchorRows.of(rows, self.num_classes, self.num_keypoints)

    def mirrored(self, rows: Tensor, width: int, flip_indices: Sequence[int]) -> Tensor:
        """Mirror decoded rows (B, N, numbers) of an input of a width in px, left and right keypoints swapped."""
        parts = self._parts(rows)
        boxes = torch.cat((width - parts.boxes[..., :1], parts.boxes[..., 1:]), dim=-1)
        keypoints = parts.keypoints[..., list(flip_indices), :]
        keypoints = torch.cat((width - keypoints[..., :1], keypoints[..., 1:]), dim=-1)
        shapes = parts.shapes
        if shapes is not None:
            shapes = mirror(covariance_matrices(shapes[..., list(flip_indices), :])).flatten(-2)[..., [0, 1, 3]]
        return AnchorRows(boxes, parts.objectness, parts.classes, keypoints, shapes).joined()

    def select(self, rows: Tensor, test_cfg: dict) -> list[InstanceData]:
        """Turn decoded rows (B, N, numbers) into each image's people, see `predict`.

        Suppression is greedy and within a class.
        """
        settings = SETTINGS | test_cfg
        scores, labels = self.scored(rows, settings['score_threshold'])
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        count = min(int((scores > 0).sum(dim=1).max()), CANDIDATES)
        scores, order = scores[:, :count], order[:, :count]
        rows, labels = rows.take_along_dim(order[..., None], dim=1), labels.take_along_dim(order, dim=1)
        boxes = to_corners(self._parts(rows).boxes)
        keep = suppress(boxes, labels, scores > 0, settings['iou_threshold'], settings['max_people'])
        return [
            self._people(row[kept], score[kept], label[kept])
            for row, score, label, kept in zip(rows, scores, labels, keep, strict=True)
        ]

    def scored(self, rows: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return scores (B, N) and classes (B, N) of decoded rows (B, N, numbers).

        The class is the likeliest; the score is 0 where it or the objectness is not above the threshold.
        """
        parts = self._parts(rows)
        chances, labels = parts.classes.max(dim=-1)
        alone = self.num_classes == 1 and self.rule == 'coco'
        scores = parts.objectness if alone else parts.objectness * chances
        return torch.where((parts.objectness > threshold) & (scores > threshold), scores, 0), labels

    def people(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Turn decoded rows (..., numbers) into what `predict` returns.

        That are boxes (..., 4), keypoints (..., K, 2), their scores (..., K) and covariances (..., K, 2, 2).
        """
        parts = self._parts(rows)
        if parts.shapes is None:
            areas = AREA_OF_BOX * parts.boxes[..., 2:].prod(dim=-1)
            variances = areas[..., None] * self.loss_module.sigmas.to(rows.dtype).square()
            covariances = variances[..., None, None] * torch.eye(2, dtype=rows.dtype, device=rows.device)
        else:
            covariances = covariance_matrices(parts.shapes)
        return to_corners(parts.boxes), parts.keypoints[..., :2], parts.keypoints[..., 2], covariances

    def _people(self, rows: Tensor, scores: Tensor, labels: Tensor) -> InstanceData:
        """Make an instance of the rows (N, numbers) of people."""
        boxes, keypoints, keypoint_scores, covariances = self.people(rows)
        return InstanceData(
            bboxes=boxes,
            bbox_scores=scores,
            labels=labels,
            keypoints=keypoints,
            keypoint_scores=keypoint_scores,
            keypoint_covariances=covariances,
        )
