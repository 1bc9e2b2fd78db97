"""Target covariances that are given."""

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.target_context import TargetContext


@KEYPOINT_CODECS.register_module()
class FixedCovariance(CovarianceSource):
    """Round targets of a given width; the arguments are those of `CovarianceSource`."""

    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px."""
        variance = self.variance(input_size)[:, None, None]
        eye = torch.eye(2, dtype=variance.dtype, device=variance.device)
        return (variance * eye).expand(*keypoints.shape[:2], 2, 2)
