"""The estimator of interest points, which labels its own images."""

import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator
from hybridkp.ops.full_precision import full_precision
from hybridkp.ops.homography import random_homographies, warp_images
from hybridkp.ops.photometric import change_photometry

_LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue have in the grey value, ITU-R BT.601."""


@MODELS.register_module()
class InterestPointEstimator(KeypointEstimator):
    """Backbone, optional neck and head on whole images, taught by labels that are made from each batch.

    A training step takes images without labels. The teacher labels them as they are; the network sees them as another
    camera would, moved by a random homography and with other light, blur and noise, and its target are the labels,
    moved likewise: image and label cannot disagree. All of it happens on the images' device.

    Args:
        backbone: config of the backbone.
        head: config of the head, see `InterestPointHead`.
        teacher: config of the teacher, see `BlobTeacher`; it is part of training alone.
        neck: config of the neck.
        train_cfg: ``corners``, ``rotation`` and ``zoom`` of the views, see `random_homographies`, and
            ``photometry``, their strength in `change_photometry`.
        test_cfg: handed to the head's ``predict``.
        data_preprocessor: config of the preprocessor, with a mean and a standard deviation of three channels, RGB.
        init_cfg: config of the initialisation.

    Raises:
        ValueError: if the preprocessor has no mean and standard deviation of three channels.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        teacher: dict,
        neck: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(backbone, head, neck, train_cfg, test_cfg, data_preprocessor, init_cfg)
        if len(getattr(self.data_preprocessor, 'mean', ())) != 3:
            raise ValueError('InterestPointEstimator: expected a data_preprocessor with mean and std of three channels')
        self.teacher = MODELS.build(teacher)
        self.register_buffer('luma', torch.tensor(_LUMA).view(3, 1, 1), persistent=False)

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[PoseDataSample]:
        """Run the network on preprocessed images (B, 3, H, W), as mmengine asks for it.

        Returns:
            Score maps (B, 1, h, w) in mode ``'tensor'``, the dict of losses in mode ``'loss'``, and in mode
            ``'predict'`` the samples with ``pred_instances`` in input px (numpy), see `InterestPointHead.predict`.

        Raises:
            ValueError: if there is no such mode.
        """
        if mode == 'loss':
            return self._loss(inputs)
        return super().forward(inputs, data_samples, mode)

    def _loss(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the losses of preprocessed images (B, 3, H, W)."""
        size = tuple(inputs.shape[-2:])
        with torch.no_grad(), full_precision(inputs.device):
            mean, std = (getattr(self.data_preprocessor, name).view(3, 1, 1) / 255 for name in ('mean', 'std'))
            images = (inputs.float() * std + mean).clamp(0, 1)
            labels = self.teacher((images * self.luma).sum(dim=1))
            views, homographies = self._view(images)
            views = (views - mean) / std
            both = torch.cat((views, inputs)) if self.head.consistency is not None else views
        feats = self.extract_feat(both.contiguous(memory_format=torch.channels_last))
        image_feats = tuple(feat[len(inputs) :] for feat in feats) if self.head.consistency is not None else None
        return self.head.loss(tuple(feat[: len(inputs)] for feat in feats), labels, homographies, size, image_feats)

    def _view(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Draw a random view of each image (B, 3, H, W) in [0, 1] and give its homography (B, 3, 3)."""
        settings = {name: self.train_cfg[name] for name in ('corners', 'rotation', 'zoom') if name in self.train_cfg}
        homographies = random_homographies(len(images), images.shape[-2:], device=images.device, **settings)
        views = warp_images(images, homographies)
        return change_photometry(views, self.train_cfg.get('photometry', 1.0)), homographies

    def _predict(self, inputs: Tensor, samples: list[PoseDataSample]) -> list[PoseDataSample]:
        for sample, found in zip(samples, self.head.predict(self.extract_feat(inputs), self.test_cfg), strict=True):
            sample.pred_instances = found.detach().cpu().numpy()
        return samples
