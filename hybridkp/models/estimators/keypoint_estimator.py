"""The top-down estimator that maps points and covariances back to the image."""

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor


@MODELS.register_module()
class KeypointEstimator(BaseModel):
    """Backbone, optional neck and head on image crops of one instance each.

    Weights are kept channels-last, which every convolution takes as a hint for its output: on CPUs and on GPUs with
    half precision this is the faster layout.

    Args:
        backbone: config of the backbone.
        head: config of the head, see `GaussianHeatmapHead` for what it must do.
        neck: config of the neck.
        train_cfg: handed to the head's ``loss``.
        test_cfg: handed to the head's ``predict``; ``flip_test=True`` averages over the mirrored image.
        data_preprocessor: config of the preprocessor, e.g. mmpose's `PoseDataPreprocessor`.
        init_cfg: config of the initialisation.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck else None
        self.head = MODELS.build(head)
        self.train_cfg, self.test_cfg = train_cfg or {}, test_cfg or {}
        self.to(memory_format=torch.channels_last)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Map preprocessed images (B, C, H, W) to the features that the head takes."""
        feats = self.backbone(inputs)
        return self.neck(feats) if self.neck else feats

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[PoseDataSample]:
        """Run the network on preprocessed images (B, C, H, W), as mmengine asks for it.

        Returns:
            Heatmaps (B, K, h, w) in mode ``'tensor'``, the dict of losses in mode ``'loss'``, and in mode
            ``'predict'`` the samples with ``pred_instances`` in image px (numpy): ``keypoints`` (1, K, 2),
            ``keypoint_scores`` and ``keypoints_visible`` (1, K), ``keypoint_covariances`` (1, K, 2, 2) px^2,
            ``bboxes`` and ``bbox_scores``.

        Raises:
            ValueError: if there is no such mode.
        """
        if mode == 'tensor':
            return self.head(self.extract_feat(inputs))
        if mode == 'loss':
            return self.head.loss(self.extract_feat(inputs), data_samples, self.train_cfg, inputs)
        if mode == 'predict':
            return self._predict(inputs, data_samples)
        raise ValueError(f"mode is 'tensor', 'loss' or 'predict', not {mode!r}")

    def views(self, inputs: Tensor) -> list[tuple[Tensor, ...]]:
        """Give the features of preprocessed images and, for the flip test, those of the mirrored images."""
        mirrored = [inputs.flip(-1)] if self.test_cfg.get('flip_test', False) else []
        return [self.extract_feat(view) for view in (inputs, *mirrored)]

    def _predict(self, inputs: Tensor, samples: list[PoseDataSample]) -> list[PoseDataSample]:
        views = self.views(inputs)
        feats = views if len(views) > 1 else views[0]
        return to_image(self.head.predict(feats, samples, self.test_cfg), samples)


def to_image(instances: list[InstanceData], samples: list[PoseDataSample]) -> list[PoseDataSample]:
    """Give each sample its instance as ``pred_instances``, numpy, with points and covariances in image px."""
    fields = {name: torch.cat([i[name] for i in instances]).detach().cpu().numpy() for name in instances[0].keys()}
    for index, (pred, sample) in enumerate(zip(instances, samples, strict=True)):
        for name, values in fields.items():
            pred.set_field(values[index : index + 1], name)
        _map_to_image(pred, sample.metainfo)
        pred.keypoints_visible = pred.keypoint_scores
        pred.bboxes = sample.gt_instances.bboxes
        pred.bbox_scores = sample.gt_instances.bbox_scores
        sample.pred_instances = pred
    return samples


def _map_to_image(pred: InstanceData, metainfo: dict) -> None:
    """Map an instance's points and covariances from input px to image px, in place."""
    scale = np.asarray(metainfo['input_scale']) / np.asarray(metainfo['input_size'])
    corner = np.asarray(metainfo['input_center']) - 0.5 * np.asarray(metainfo['input_scale'])
    pred.keypoints = (pred.keypoints * scale + corner).astype(np.float32)
    pred.keypoint_covariances = (pred.keypoint_covariances * np.outer(scale, scale)).astype(np.float32)
