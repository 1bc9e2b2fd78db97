"""The heatmap codec whose Gaussians have a full covariance."""

import numpy as np
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.base import KeypointCodec
from hybridkp.codecs.mmpose_protocol import MMPoseProtocol
from hybridkp.codecs.target_context import TargetContext
from hybridkp.ops.gaussian import gaussian_energy, render_gaussians
from hybridkp.ops.peaks import fit_peaks


@KEYPOINT_CODECS.register_module()
class AnisotropicHeatmap(MMPoseProtocol, KeypointCodec):
    """Heatmaps of Gaussians of peak 1 with a 2x2 covariance a keypoint.

    A cell is ``(pixel + pixel_offset) / stride - pixel_offset``. With 0.5 (pixel and cell centres are integers) a
    mirrored input has the exactly mirrored heatmap; 0 is the rule of mmpose's `MSRAHeatmap`, to be used together with
    its ``shift_heatmap=True``.

    Args:
        covariance: config of the source of target covariances (registry `KEYPOINT_CODECS`).
        stride: input pixels per cell.
        num_keypoints: K, handed to the source; the head sets it.
        input_size: (width, height) of the input in px, as in mmpose; only stock mmpose needs it.
        pixel_offset: the pixel-to-cell rule, see above.

    Raises:
        ValueError: if `input_size` is not a multiple of `stride`.
    """

    flip_shift: int | None = None
    """For the flip test None merges what both views decode to; a number averages their heatmaps, after moving those of
    the mirrored image right by so many columns."""

    def __init__(
        self,
        covariance: dict,
        stride: int = 4,
        num_keypoints: int | None = None,
        input_size: tuple[int, int] | None = None,
        pixel_offset: float = 0.5,
    ):
        super().__init__()
        if input_size is not None and any(side % stride for side in input_size):
            raise ValueError(f'input_size {tuple(input_size)} is not a multiple of stride {stride}')
        self.covariance = KEYPOINT_CODECS.build({'cell': stride, **covariance, 'num_keypoints': num_keypoints})
        self.stride = stride
        self.input_size = input_size
        self.pixel_offset = pixel_offset

    def target_covariance(
        self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None
    ) -> Tensor:
        """Return the targets' covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px."""
        return self.covariance(keypoints, input_size, context)

    def encode(
        self,
        keypoints: Tensor | np.ndarray,
        covariance: Tensor | np.ndarray | None = None,
        size: tuple[int, int] | None = None,
        keypoints_visible: np.ndarray | None = None,
    ) -> Tensor | dict:
        """Return heatmaps (B, K, h, w) of keypoints (B, K, 2) px with covariances (B, K, 2, 2) px^2; size is (h, w).

        Given arrays, it is mmpose's ``encode(keypoints, keypoints_visible)``, by position or by name, see
        `MMPoseProtocol.encode_sample`.
        """
        if isinstance(keypoints, np.ndarray):
            return self.encode_sample(keypoints, covariance if keypoints_visible is None else keypoints_visible)
        return self._render(keypoints, covariance, size)

    def _render(self, keypoints: Tensor, covariance: Tensor, size: tuple[int, int]) -> Tensor:
        """Render keypoints (B, K, 2) px with covariances (B, K, 2, 2) px^2 as heatmaps (B, K, h, w)."""
        cells = (keypoints + self.pixel_offset) / self.stride - self.pixel_offset
        return render_gaussians(cells, covariance / self.stride**2, size)

    def decode(self, heatmaps: Tensor | np.ndarray) -> tuple:
        """Return keypoints (B, K, 2) px, scores (B, K) in [0, 1] and covariances (B, K, 2, 2) px^2.

        See `ops.peaks.fit_peaks` for the fit and its fallbacks. Given an array (K, h, w), it is mmpose's ``decode``,
        see `MMPoseProtocol.decode_sample`.
        """
        if isinstance(heatmaps, np.ndarray):
            return self.decode_sample(heatmaps)
        return self._decode_maps(heatmaps)

    def _decode_maps(self, heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode heatmaps (B, K, h, w): points (B, K, 2) px, scores (B, K), covariances (B, K, 2, 2) px^2."""
        cells, scores, covariance = fit_peaks(heatmaps)
        keypoints = (cells + self.pixel_offset) * self.stride - self.pixel_offset
        return keypoints, scores, covariance * self.stride**2

    def target_energy(self, covariance: Tensor) -> Tensor:
        """Return the sum of squares (...) of an encoded keypoint of covariance (..., 2, 2) px^2, over all cells."""
        return gaussian_energy(covariance) / self.stride**2

    def penalty(self) -> Tensor | None:
        """Return what learned covariances add to the loss, a scalar, or None."""
        return self.covariance.penalty()
