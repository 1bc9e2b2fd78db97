"""The top-down estimator that maps points and covariances back to the image."""

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.models.crop_frame import crop_frame
from hybridkp.models.merge_prior import merge_prior

TOGETHER = 8
"""Up to so many images go through the network together with their mirrored images: a device has time for more."""


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
        test_cfg: handed to the head's ``predict``; ``flip_test=True`` averages over the mirrored image,
            ``search_radius`` and ``merge_prior=True`` are for the second of two networks, see `near_prior` and
            `merge_prior`, and ``scales`` are those in which a test and inference, but no validation while training,
            look at images, see `KeypointEnsemble`.
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

    def test_step(self, data: dict) -> list[PoseDataSample]:
        """Predict a batch as a data loader gives it, see `predict_batch`."""
        return predict_batch(self, data)

    val_step = test_step

    def views(self, inputs: Tensor) -> list[tuple[Tensor, ...]]:
        """Give the features of preprocessed images and, for the flip test, those of the mirrored images."""
        if not self.test_cfg.get('flip_test', False):
            return [self.extract_feat(inputs)]
        if len(inputs) > TOGETHER:
            return [self.extract_feat(view) for view in (inputs, inputs.flip(-1))]
        both = self.extract_feat(torch.cat((inputs, inputs.flip(-1))))
        return list(zip(*(feat.chunk(2) for feat in both), strict=True))

    def _predict(self, inputs: Tensor, samples: list[PoseDataSample]) -> list[PoseDataSample]:
        views = self.views(inputs)
        feats = views if len(views) > 1 else views[0]
        found = to_image(self.head.predict(feats, samples, self.test_cfg), samples)
        return merge_prior(found) if self.test_cfg.get('merge_prior') else found


def predict_batch(model: BaseModel, data: dict) -> list[PoseDataSample]:
    """Predict a batch as a data loader gives it: ``inputs``, images (C, H, W), and ``data_samples``.

    Images of one size are moved to another device at once, normalised together; on a CPU one by one, whose
    memory is at hand, is faster. The samples stay on the host, where what is made of the prediction is needed: mmengine
    would copy each with all of its labels.
    """
    inputs = data['inputs']
    if model.data_preprocessor.device.type != 'cpu' and not torch.is_tensor(inputs):
        inputs = torch.stack(list(inputs)) if len({image.shape for image in inputs}) == 1 else inputs
    batch = model.data_preprocessor(dict(inputs=inputs, data_samples=[]), False)
    return model(batch['inputs'], data['data_samples'], mode='predict')


def to_image(instances: list[InstanceData], samples: list[PoseDataSample]) -> list[PoseDataSample]:
    """Give each sample its instance as ``pred_instances``, numpy, with points and covariances in image px."""
    fields = _to_host({name: torch.cat([i[name] for i in instances]) for name in instances[0].keys()})
    scale, corner = crop_frame([sample.metainfo for sample in samples])
    fields['keypoints'] = fields['keypoints'] * scale[:, None] + corner[:, None]
    fields['keypoint_covariances'] = fields['keypoint_covariances'] * (scale[:, None, :, None] * scale[:, None, None])
    fields['keypoints_visible'] = fields['keypoint_scores']
    for index, (pred, sample) in enumerate(zip(instances, samples, strict=True)):
        for name, values in fields.items():
            pred.set_field(values[index : index + 1].astype(np.float32, copy=False), name)
        for name in ('bboxes', 'bbox_scores'):
            pred.set_field(sample.gt_instances[name], name)
        sample.pred_instances = pred
    return samples


def _to_host(fields: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Move tensors (B, ...) of one kind of number to the host in one piece."""
    flat = torch.cat([values.detach().flatten(1) for values in fields.values()], dim=1).cpu().numpy()
    ends = np.cumsum([values[0].numel() for values in fields.values()])[:-1]
    parts = zip(fields.items(), np.split(flat, ends, axis=1), strict=True)
    return {name: part.reshape(values.shape) for (name, values), part in parts}
