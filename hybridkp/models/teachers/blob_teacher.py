"""The teacher that labels the blobs of anisotropic filters."""

import math

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.teachers.point_labels import PointLabels
from hybridkp.ops.anisotropic_blobs import AnisotropicBlobs, detect_blobs
from hybridkp.ops.anisotropic_filters import filter_widths
from hybridkp.ops.homography import random_homographies, transform_covariances, transform_points, warp_images
from hybridkp.ops.photometric import change_photometry

_STRONG, _LEAST_WEIGHT = 20.0, 0.2
"""At how many times the threshold a point's weight is 1, and what it is at the threshold."""


@MODELS.register_module()
class BlobTeacher(nn.Module):
    """Label images by the filters of `ops.anisotropic_filters`, on the images' device, without any parameter.

    With homographic adaptation (DeTone, Malisiewicz and Rabinovich 2018, "SuperPoint: self-supervised interest point
    detection and description") the filters also look at random views of each image, with other light, blur and noise,
    and their points are brought back: what is found in few views only is a point in few of them.

    A point's weight grows with the logarithm of its strength, from 0.2 at the threshold to 1 at twenty times that, so
    that whoever learns it can order points as the filters do.

    Args:
        count: how many points an image, or a view, has at most.
        scales: see `detect_blobs`.
        orientations: see `detect_blobs`.
        anisotropy: see `detect_blobs`.
        threshold: see `detect_blobs`.
        agreement: see `detect_blobs`.
        adaptations: how many random views of each image are looked at beside the image itself.
        photometry: strength of their light, blur and noise, see `change_photometry`.

    Raises:
        ValueError: if a filter is less than a pixel wide, or a number is too small.
    """

    def __init__(
        self,
        count: int = 160,
        scales: tuple[float, float, int] = (2.0, 8.0, 3),
        orientations: int = 8,
        anisotropy: float = 1.25,
        threshold: float = 0.005,
        agreement: float = 0.1,
        adaptations: int = 0,
        photometry: float = 1.0,
    ):
        super().__init__()
        filter_widths(scales[0] / 2 ** (1 / scales[2]), anisotropy)
        if count < 1 or adaptations < 0 or orientations < 3 or threshold <= 0:
            raise ValueError(
                f'BlobTeacher: expected a count of at least 1, 3 orientations, 0 adaptations and a threshold above 0, '
                f'got {count}, {orientations}, {adaptations} and {threshold}'
            )
        self.adaptations, self.photometry = adaptations, photometry
        self.count, self.scales, self.orientations, self.anisotropy = count, tuple(scales), orientations, anisotropy
        self.threshold, self.agreement = threshold, agreement

    def detect(self, images: Tensor) -> AnisotropicBlobs:
        """Find the blobs of grey images (B, H, W) in [0, 1]."""
        return detect_blobs(
            images, self.count, self.scales, self.orientations, self.anisotropy, self.threshold, self.agreement
        )

    @torch.no_grad()
    def forward(self, images: Tensor) -> PointLabels:
        """Label grey images (B, H, W) in [0, 1]."""
        batch, (height, width) = len(images), images.shape[-2:]
        count = batch * self.adaptations
        eye = torch.eye(3, device=images.device).expand(batch, 1, 3, 3)
        drawn = random_homographies(count, (height, width), device=images.device)
        homographies = torch.cat((eye, drawn.view(batch, self.adaptations, 3, 3)), dim=1)
        views = images[:, None]
        if self.adaptations:
            repeated = images.repeat_interleave(self.adaptations, dim=0)[:, None]
            warped = change_photometry(warp_images(repeated, drawn), self.photometry)
            views = torch.cat((views, warped.view(batch, self.adaptations, height, width)), dim=1)
        blobs = self.detect(views.flatten(0, 1))
        points, covariances, strengths = (
            field.unflatten(0, homographies.shape[:2]) for field in (blobs.points, blobs.covariances, blobs.strengths)
        )
        back = torch.linalg.inv_ex(homographies)[0]
        covariances = transform_covariances(covariances, points, back)
        return PointLabels(transform_points(points, back), covariances, self._weights(strengths), homographies)

    def _weights(self, strengths: Tensor) -> Tensor:
        order = (strengths.abs() / self.threshold).clamp(min=1).log() / math.log(_STRONG)
        return torch.where(strengths != 0, _LEAST_WEIGHT + (1 - _LEAST_WEIGHT) * order.clamp(max=1), 0)
