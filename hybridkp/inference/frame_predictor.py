"""A trained network and what its config does to an image before it sees it."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from hybridkp.datasets.coco_closeups import own_keypoints
from hybridkp.datasets.coco_set import PIPELINE_KEYS
from hybridkp.engine.launch import explain_errors
from hybridkp.engine.trained_model import build_trained
from hybridkp.errors import InputError
from hybridkp.inference.evaluated_set import evaluated_set, trained_skeleton

LABELLING = ('KeypointLabels', 'PersonLabels', 'MixReaders', 'GenerateTarget')
"""The transforms that make labels."""

KEYPOINT_FIELDS = ('keypoints', 'keypoint_scores', 'keypoints_visible', 'keypoint_covariances')

PRIOR = ('prior_keypoints', 'prior_covariances')

Boxes = tuple[np.ndarray, ...]
"""Boxes (N, 4), left, top, right, bottom in px, their scores (N,) and, of the first of two networks, its points
(N, K, 2) in px and their covariances (N, K, 2, 2) in px^2."""


class FramePredictor:
    """Predicts the keypoints in images in memory as a test on them would.

    Args:
        cfg: the config; of its test set the pipeline and the skeleton matter.
        checkpoints: a file, or several whose heatmaps are averaged.
        device: where it runs.
        batch_size: how many inputs the network sees at a time.

    Attributes:
        model: the network.
        meta: the data set's meta information.
        own: which keypoints (K,), bool, are those of each of G closer looks at a person, see `CocoCloseups`; G is 1
            where one look is at all of them.
        single_stage: whether the network finds people by itself; positions are then px from the left and top border,
            the first pixel's centre at 0.5, else that is at 0.
        takes_boxes: whether there can be boxes: neither a single-stage network nor one that sees a fixed region of
            each frame takes any.
        needs_boxes: whether the network was trained on boxes around people, and not on whole frames.
        color_type: ``'color'`` or ``'grayscale'``: how images are to be read.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: a checkpoint is damaged or of another model, or the config is of no keypoints with covariances.
    """

    def __init__(self, cfg: Config, checkpoints: Sequence[str], device: str | torch.device, batch_size: int = 8):
        if cfg.model.type == 'InterestPointEstimator':
            raise InputError(f'{cfg.filename}: tools/detect_points.py is for networks of interest points')
        if cfg.model.type not in ('KeypointEstimator', 'KeypointEnsemble', 'SingleStageEstimator'):
            raise InputError(
                f'{cfg.filename}: expected a model of keypoints with covariances, KeypointEstimator or '
                f'SingleStageEstimator, got {cfg.model.type}'
            )
        if batch_size < 1:
            raise InputError(f'expected a batch of at least one image, got {batch_size}')
        self.name, self.meta, self.batch_size = cfg.filename, trained_skeleton(cfg), batch_size
        self.single_stage = cfg.model.type == 'SingleStageEstimator'
        data = evaluated_set(cfg)
        with explain_errors(cfg):
            self.own = own_keypoints(data.get('groups'), list(self.meta['keypoint_name2id']))
        steps = [step for step in data['pipeline'] if step['type'] not in LABELLING]
        regions = [step for step in steps if step['type'] == 'FrameRegion']
        boxes = [step for step in steps if step['type'] == 'GetBBoxCenterScale']
        self.takes_boxes = not self.single_stage and not regions
        self.needs_boxes = self.takes_boxes and any(step.get('padding', 1.25) > 1 for step in boxes)
        self.color_type = next((step['color_type'] for step in steps if 'color_type' in step), 'color')
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')), explain_errors(cfg):
            self.pipeline = Compose(steps)
        self.model = build_trained(cfg, checkpoints, device)

    def predict(self, images: Sequence[np.ndarray], boxes: Sequence[Boxes | None]) -> list[InstanceData]:
        """Predict the people of some images.

        Args:
            images: (h, w, 3), BGR, or (h, w), uint8; they are changed to what the network was trained on.
            boxes: for each image those of the people, (N, 4), left, top, right, bottom in px, and their scores (N,), or
                None for the whole image; after them may come what the first of two networks found, points (N, K, 2) in
                px and covariances (N, K, 2, 2) in px^2.

        Returns:
            For each image N people as numpy arrays, float32: ``keypoints`` (N, K, 2) px, ``keypoint_scores`` and
            ``keypoints_visible`` (N, K), ``keypoint_covariances`` (N, K, 2, 2) px^2, ``bboxes`` (N, 4) px,
            ``bbox_scores`` (N,) and, of single-stage networks, ``labels`` (N,), the numbers of classes.
        """
        samples = [self._inputs(image, box) for image, box in zip(images, boxes, strict=True)]
        flat = [sample for of_one in samples for sample in of_one]
        found = []
        for start in range(0, len(flat), self.batch_size):
            found += self._predicted(flat[start : start + self.batch_size])
        looks = len(self.own)
        people = [self._together(found[start : start + looks]) for start in range(0, len(found), looks)]
        counts = [len(of_one) // looks for of_one in samples]
        parts = [people[end - count : end] for end, count in zip(np.cumsum(counts), counts, strict=True)]
        return [InstanceData.cat(part) if part else self._nobody() for part in parts]

    def _together(self, looks: list[InstanceData]) -> InstanceData:
        """Put what closer looks at a person find together; the box is then around the keypoints."""
        first, *others = looks
        for found, own in zip(others, self.own[1:], strict=True):
            for name in KEYPOINT_FIELDS:
                first[name][:, own] = found[name][:, own]
        if others:
            first.bboxes = np.concatenate((first.keypoints.min(axis=1), first.keypoints.max(axis=1)), axis=1)
        return first

    @torch.no_grad()
    def _predicted(self, batch: list[dict]) -> list[InstanceData]:
        data = dict(inputs=[one['inputs'] for one in batch], data_samples=[one['data_samples'] for one in batch])
        samples: list[PoseDataSample] = self.model.test_step(data)
        return [sample.pred_instances for sample in samples]

    def _inputs(self, image: np.ndarray, boxes: Boxes | None) -> list[dict]:
        """Give what the network sees of an image: the whole of it, or each of its boxes."""
        image = as_read(image, self.color_type)
        height, width = image.shape[:2]
        if boxes is None:
            boxes = np.array([[0, 0, width - 1, height - 1]], np.float32), np.ones(1, np.float32)
        meta = {key: self.meta[key] for key in PIPELINE_KEYS if key in self.meta}
        inputs = []
        for i, (box, score, *prior) in enumerate(zip(*boxes, strict=True)):
            for corners in self._looks(box, *prior[:1]):
                sample = dict(img=image, img_id=0, id=i, **meta)
                if not self.single_stage:
                    sample |= dict(bbox=np.float32(corners)[None], bbox_score=np.float32([score]))
                sample |= {name: np.float32(values)[None] for name, values in zip(PRIOR, prior, strict=False)}
                inputs.append(self.pipeline(sample))
        return inputs

    def _looks(self, box: np.ndarray, points: np.ndarray | None = None) -> list[np.ndarray]:
        """Give the boxes (4,) that the network looks at: that of a person, or those around groups of its points (K, 2).

        Where the points of a group have no area around them, there are none.
        """
        if len(self.own) == 1:
            return [box]
        if points is None:
            raise InputError(
                f'{self.name}: expected a first network (--detector), whose points say where groups of keypoints are'
            )
        boxes = [np.concatenate((points[own].min(axis=0), points[own].max(axis=0))) for own in self.own]
        return boxes if all((corners[2:] > corners[:2]).all() for corners in boxes) else []

    def _nobody(self) -> InstanceData:
        count = self.meta['num_keypoints']
        shapes = dict(keypoints=(count, 2), keypoint_covariances=(count, 2, 2), bboxes=(4,), bbox_scores=())
        shapes |= dict(keypoint_scores=(count,), keypoints_visible=(count,))
        people = InstanceData()
        for name, shape in shapes.items():
            people.set_field(np.zeros((0, *shape), np.float32), name)
        return people


def as_read(image: np.ndarray, color_type: str) -> np.ndarray:
    """Change an image to (h, w, 3), BGR, or to (h, w), grey."""
    if color_type == 'grayscale':
        return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
