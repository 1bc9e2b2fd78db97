"""The loss of anchor-based keypoint detectors: boxes, objectness, classes, keypoints, visibility and covariances."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.ops.anchor_matches import AnchorMatches, last_match, match_anchors
from hybridkp.ops.anchor_rows import AnchorRows, covariance_entries, covariance_matrices
from hybridkp.ops.boxes import complete_iou
from hybridkp.ops.pose_targets import PoseTargets

RULES = ('coco', 'original')
GAINS = ('box', 'objectness', 'classes', 'keypoints', 'visibility')
BALANCE = (4.0, 1.0, 0.25, 0.06)
"""Weights of the levels' objectness, finest first; fewer levels have the first of them."""
IMAGE_SIZE, CLASSES, LEVELS = 640, 80, 3
"""What the gains are meant for: an input's side in px, and how many classes and levels."""


@MODELS.register_module()
class AnchorPoseLoss(nn.Module):
    """Losses of the rows that are responsible for people, and of the objectness of all rows.

    Maji et al. 2022, "YOLO-Pose: enhancing YOLO for multi person pose estimation using object keypoint similarity
    loss", in the form of YOLOv7-w6-pose. Of a level's n matched rows (see `match_anchors`):

    - box: the mean of 1 - CIoU;
    - objectness: the mean binary cross entropy of all rows of the level, times `BALANCE`; the target of a matched row
      is its CIoU, without gradient and at least 0, of others 0; of several matches of a row the last one counts;
    - classes: the mean binary cross entropy, where there is more than one class;
    - keypoints: the mean of 1 - similarity of the labelled keypoints;
    - visibility: the mean binary cross entropy of the keypoints' confidence;
    - likelihood: where covariances are regressed, that of the labelled keypoints' errors, over all levels.

    They are summed over the levels and multiplied by their gains and the number of images in all processes.

    Under the rule ``'original'`` a similarity is exp(-d^2 / (4 S sigma^2)) with the box's area as S, a keypoint is
    labelled if its x is not 0, and the confidence's target is 1 for whatever is labelled. Under ``'coco'`` the
    similarity is that of COCO's evaluation, exp(-d^2 / (8 S sigma^2)) with the person's own area as S; the flags say
    what is labelled; the confidence's target is 1 for a visible keypoint, 1/2 for a hidden one and 0 for one that is
    not labelled; people without any labelled keypoint have a box and an objectness, and no confidences to learn.
    The similarity has no slope far from the label, where all points are when a training begins from nothing: its
    exponent e is added as `pull` ln(1 + e), whose slope goes on.

    Args:
        sigmas: of the K keypoints, from the skeleton.
        num_classes: C.
        rule: ``'coco'`` or ``'original'``.
        gains: of ``box``, ``objectness``, ``classes``, ``keypoints`` and ``visibility``.
        rescale: whether gains are of an input of 640x640 px, 80 classes and 3 levels, and adapted to those that there
            are, as the original does; that of the keypoints and the likelihood's weight are never adapted.
        pull: weight of what draws keypoints from afar, under the rule ``'coco'``.
        likelihood: config of a loss ``(errors (R, K, 2), covariances (R, K, 2, 2), weights (R, K)) -> scalar``.

    Raises:
        ValueError: if there is no such rule, if gains are missing or unknown, or if one or the pull is
            negative.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        num_classes: int,
        rule: str,
        gains: dict[str, float],
        rescale: bool = True,
        pull: float = 0.1,
        likelihood: dict | None = None,
    ):
        super().__init__()
        if rule not in RULES:
            raise ValueError(f'AnchorPoseLoss: expected a rule of {RULES}, got {rule!r}')
        if set(gains) != set(GAINS) or min(gains.values()) < 0:
            raise ValueError(f'AnchorPoseLoss: expected gains of at least 0 of {GAINS}, got {dict(gains)}')
        if pull < 0:
            raise ValueError(f'AnchorPoseLoss: expected a pull of at least 0, got {pull}')
        self.pull = 0.0 if rule == 'original' else pull
        self.num_classes, self.rule, self.gains, self.rescale = num_classes, rule, dict(gains), rescale
        self.likelihood = MODELS.build(likelihood) if likelihood else None
        self.register_buffer('sigmas', torch.tensor(sigmas, dtype=torch.float32), persistent=False)

    def forward(
        self, maps: Sequence[Tensor], targets: PoseTargets, anchors: Tensor, strides: Sequence[int]
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, times their gains: ``GAINS`` and, where covariances are, ``likelihood``.

        Nothing waits for the device. Where nothing is matched a loss is 0.

        Args:
            maps: of each level, raw rows (B, A, h, w, numbers).
            targets: the people.
            anchors: (levels, A, 2), widths and heights in px.
            strides: px a cell of each level.
        """
        maps = [level.to(torch.promote_types(level.dtype, torch.float32)) for level in maps]
        levels, likelihoods = [], []
        for level, (rows, stride) in enumerate(zip(maps, strides, strict=True)):
            terms, errors = self._level(rows, targets, anchors[level], stride)
            terms['objectness'] = terms['objectness'] * BALANCE[level]
            levels.append(terms)
            likelihoods.append(errors)
        height, width = (side * strides[0] for side in maps[0].shape[2:4])
        factors = self.factors(height * width, len(maps))
        losses = {name: factors[name] * torch.stack([terms[name] for terms in levels]).sum() for name in GAINS}
        if self.likelihood is not None:
            losses['likelihood'] = self.likelihood(*(torch.cat(parts) for parts in zip(*likelihoods, strict=True)))
        return losses

    def factors(self, pixels: int, levels: int) -> dict[str, float]:
        """Return the gains for an input of so many pixels and so many levels."""
        if not self.rescale:
            return self.gains
        share, of_classes = LEVELS / levels, self.num_classes / CLASSES
        scales = dict(box=share, objectness=share * pixels / IMAGE_SIZE**2, classes=share * of_classes)
        scales |= dict(keypoints=1.0, visibility=scales['classes'] if self.rule == 'original' else 1.0)
        return {name: gain * scales[name] for name, gain in self.gains.items()}

    def _level(
        self, maps: Tensor, targets: PoseTargets, anchors: Tensor, stride: int
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """Return a level's losses, each a scalar, and the arguments of the likelihood."""
        boxes, anchors = targets.boxes / stride, anchors / stride
        found = match_anchors(boxes, anchors, maps.shape[2:4])
        cells = _flat_cells(found, targets.images, maps.shape)
        rows = AnchorRows.of(maps.flatten(0, 3)[cells], self.num_classes, len(self.sigmas))
        corner = torch.stack((found.columns, found.rows), dim=-1).to(boxes.dtype)
        iou = self._box_iou(rows.boxes, boxes[found.boxes], anchors[found.anchors], corner)
        valid = found.valid.to(iou.dtype)
        count = valid.sum().clamp(min=1)
        owners = last_match(cells, found.valid, maps[..., 0].numel())
        values = torch.cat((iou.detach().clamp(min=0), iou.new_zeros(1)))  # the last one, -1, is of no match
        terms = dict(
            box=(valid * (1 - iou)).sum() / count,
            objectness=F.binary_cross_entropy_with_logits(maps[..., 4].flatten(), values[owners]),
            classes=self._class_loss(rows.classes, targets.labels[found.boxes], valid) / count,
        )
        points, errors = self._points(rows, targets, found, corner, stride)
        return terms | points, errors

    @staticmethod
    def _box_iou(raw: Tensor, boxes: Tensor, anchors: Tensor, corner: Tensor) -> Tensor:
        """Return the CIoU (R,) of raw boxes (R, 4) and target boxes (R, 4) in cells, at cells' corners (R, 2)."""
        spread = 2 * raw.sigmoid()
        predicted = torch.cat((spread[:, :2] - 0.5, spread[:, 2:].square() * anchors), dim=1)
        return complete_iou(predicted, torch.cat((boxes[:, :2] - corner, boxes[:, 2:]), dim=1))

    def _class_loss(self, raw: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
        """Return the sum over valid rows of the mean binary cross entropy of their classes (R, C)."""
        if self.num_classes == 1:
            return raw.sum() * 0
        wanted = F.one_hot(labels, self.num_classes).to(raw.dtype)
        return (F.binary_cross_entropy_with_logits(raw, wanted, reduction='none').mean(dim=1) * valid).sum()

    def _points(
        self, rows: AnchorRows, targets: PoseTargets, found: AnchorMatches, corner: Tensor, stride: int
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """Return a level's losses of the keypoints and their confidences, and the arguments of the likelihood."""
        wanted, labelled, confidence, taught = self._wanted(targets, found, corner, stride)
        errors = wanted - (2 * rows.keypoints[..., :2] - 0.5)
        areas = self._areas(targets)[found.boxes, None] / stride**2
        exponents = errors.square().sum(dim=-1) / (areas * self.sigmas.to(errors.dtype).square() + 1e-9)
        dissimilarity = 1 - torch.exp(-exponents) + self.pull * torch.log1p(exponents)
        weights = (labelled & found.valid[:, None]).to(errors.dtype)
        entropies = F.binary_cross_entropy_with_logits(
            rows.keypoints[..., 2], confidence.to(errors.dtype), reduction='none'
        )
        taught = (taught & found.valid).to(errors.dtype)
        terms = dict(
            keypoints=(weights * dissimilarity).sum() / weights.sum().clamp(min=1),
            visibility=(taught[:, None] * entropies).sum() / (taught.sum() * len(self.sigmas)).clamp(min=1),
        )
        if rows.shapes is None:
            return terms, ()
        covariances = covariance_matrices(covariance_entries(rows.shapes, stride))
        return terms, (errors.detach() * stride, covariances, weights)

    def _wanted(
        self, targets: PoseTargets, found: AnchorMatches, corner: Tensor, stride: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what matched rows should say of their keypoints.

        The points (R, K, 2) in cells from the cell's corner, which are labelled (R, K), the confidences (R, K), and
        whether the row has any to learn (R,). In the original, a coordinate that is 0 stays 0 in every cell.
        """
        points, cells = targets.keypoints[found.boxes] / stride, corner[:, None]
        if self.rule == 'original':
            points = torch.where(points != 0, points - cells, points)
            labelled = points[..., 0] != 0
            return points, labelled, labelled, torch.ones_like(found.valid)
        flags = targets.visibility[found.boxes]
        labelled = flags > 0
        return points - cells, labelled, flags / 2, labelled.any(dim=1)

    def _areas(self, targets: PoseTargets) -> Tensor:
        """Return what squared distances over sigma^2 are relative to, (N,) in px^2."""
        return 4 * targets.boxes[:, 2:].prod(dim=1) if self.rule == 'original' else 8 * targets.areas


def _flat_cells(found: AnchorMatches, images: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the indices (R,) of the matched rows in a map of a shape (B, A, h, w, numbers), flattened."""
    _, anchors, height, width, _ = shape
    return ((images[found.boxes] * anchors + found.anchors) * height + found.rows) * width + found.columns
