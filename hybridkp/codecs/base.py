"""The contract of every codec."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from hybridkp.codecs.target_context import TargetContext


class KeypointCodec(nn.Module, ABC):
    """Translate keypoints in input pixels to what a network regresses, and back.

    Batched, differentiable, on its input's device. Pixels go in and pixels come out: (x, y), pixel i centred at i.
    Letters: B batch, K keypoints, h and w cells.
    """

    @abstractmethod
    def target_covariance(
        self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None
    ) -> Tensor:
        """Return the targets' covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px."""

    @abstractmethod
    def encode(self, keypoints: Tensor, covariance: Tensor, size: tuple[int, int]) -> Tensor:
        """Return heatmaps (B, K, h, w) of keypoints (B, K, 2) px with covariances (B, K, 2, 2) px^2; size is (h, w)."""

    @abstractmethod
    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return keypoints (B, K, 2) px, scores (B, K) in [0, 1] and covariances (B, K, 2, 2) px^2."""

    @abstractmethod
    def target_energy(self, covariance: Tensor) -> Tensor:
        """Return the sum of squares (...) of an encoded keypoint of covariance (..., 2, 2) px^2, over all cells."""

    def penalty(self) -> Tensor | None:
        """Return what learned parameters add to the loss, a scalar, or None."""
        return None
