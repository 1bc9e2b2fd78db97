"""The adaptive wing loss with its foreground map."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class WeightedAdaptiveWing(nn.Module):
    """Adaptive wing loss of Wang et al. 2019, "Adaptive wing loss for robust face alignment via heatmap regression".

    With error d, target y in [0, 1], exponent e = alpha - y and t = theta / epsilon, it is up to theta

        omega * ln(1 + (d / epsilon)^e),

    beyond it the tangent, of slope omega * e * t^(e - 1) / (epsilon * (1 + t^e)). Cells of the foreground, in the 3x3
    neighbourhood of a target of at least `foreground`, have the weight W + 1, all others 1. The result is the mean over
    all cells.

    mmpose's `AdaptiveWingLoss` has no foreground map and multiplies both maps, not the loss, by the weights: it is not
    linear in them. ``epsilon=2, foreground_weight=0`` on heatmaps of a head with ``sigmoid=True`` is the variant of
    landmark networks for cephalograms.

    Args:
        alpha: exponent at a target of 0; that at a target of 1 is smaller by 1.
        omega: scale of the loss.
        epsilon: error from which on the logarithm flattens.
        theta: error from which on the loss is linear.
        foreground_weight: W, what is added to the weight 1 of a cell of the foreground.

    Raises:
        ValueError: if alpha is not above 2 (the exponent would not be above 1 for every target), omega, epsilon or
            theta not positive, or W negative.
    """

    foreground: ClassVar[float] = 0.2

    def __init__(
        self,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        foreground_weight: float = 10.0,
    ):
        super().__init__()
        if not alpha > 2:
            raise ValueError(f'alpha is above 2, not {alpha}')
        for name, value in dict(omega=omega, epsilon=epsilon, theta=theta).items():
            if not value > 0:
                raise ValueError(f'{name} is positive, not {value}')
        if not foreground_weight >= 0:
            raise ValueError(f'foreground_weight is not negative, but here it is {foreground_weight}')
        self.alpha, self.omega, self.epsilon, self.theta = alpha, omega, epsilon, theta
        self.foreground_weight = foreground_weight

    def forward(self, output: Tensor, target: Tensor, target_weights: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar, in float32 at least.

        Args:
            output: heatmaps (B, K, h, w).
            target: heatmaps (B, K, h, w) in [0, 1].
            target_weights: (B, K), factors of the keypoints' losses.

        Raises:
            ValueError: if the shapes do not fit.
        """
        if output.shape != target.shape:
            raise ValueError(f'output {tuple(output.shape)} and target {tuple(target.shape)} differ in shape')
        if target_weights is not None and target_weights.shape != target.shape[:2]:
            raise ValueError(f'weights are {tuple(target.shape[:2])}, not {tuple(target_weights.shape)}')
        dtype = torch.promote_types(torch.promote_types(output.dtype, target.dtype), torch.float32)
        output, target = output.to(dtype), target.to(dtype)
        losses = self._cell_losses(output, target)
        if self.foreground_weight:
            losses = torch.where(self._foreground(target), (1 + self.foreground_weight) * losses, losses)
        losses = losses.mean(dim=(2, 3))
        return losses.mean() if target_weights is None else (losses * target_weights).mean()

    def _cell_losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss (B, K, h, w) of each cell: the curve up to theta, and the tangent for what is beyond."""
        error, exponent = (output - target).abs(), self.alpha - target
        curved = error.clamp(max=self.theta)
        knee = self.theta / self.epsilon
        power = knee**exponent
        slope = self.omega / self.theta * exponent * power / (1 + power)
        curve = self.omega * torch.log1p((curved / self.epsilon) ** exponent)
        return torch.addcmul(curve, slope, error - curved)

    def _foreground(self, target: Tensor) -> Tensor:
        """Tell which cells (B, K, h, w) have a target of the foreground in their 3x3 neighbourhood."""
        return F.max_pool2d(target.detach(), 3, stride=1, padding=1) >= self.foreground
