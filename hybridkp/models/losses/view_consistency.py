"""The loss of two views' score maps that do not agree."""

from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional

_LEAST = 1e-6
"""Added to norms, so that empty patches have no gradient that explodes."""


@MODELS.register_module()
class ViewConsistency(nn.Module):
    """Ask that the maps of two views have the same peaks, and that they have some.

    Revaud et al. 2019, "R2D2: repeatable and reliable detector and descriptor", equations 1 to 4: over all square
    patches, 1 minus the mean cosine similarity of the two maps, and a weight times 1 minus the mean of how far the
    greatest value of a map lies above its mean.

    Args:
        patch: side of a patch in cells; about as far as peaks are to lie from each other.
        peakiness: weight of the second term.
        loss_weight: weight of the loss.

    Raises:
        ValueError: if a number is too small.
    """

    def __init__(self, patch: int = 8, peakiness: float = 0.5, loss_weight: float = 1.0):
        super().__init__()
        if patch < 2 or min(peakiness, loss_weight) < 0:
            raise ValueError(
                f'ViewConsistency: expected a patch of at least 2 cells and weights of at least 0, '
                f'got {patch}, {peakiness} and {loss_weight}'
            )
        self.patch, self.peakiness, self.loss_weight = patch, peakiness, loss_weight

    def forward(self, maps: Tensor, others: Tensor, shown: Tensor) -> Tensor:
        """Compare maps (B, 1, h, w), in [0, 1], with others where `shown` (B, 1, h, w), 0 or 1, says they can be."""
        whole = self._pooled(shown).ge(1 - 1e-4).to(maps.dtype)
        product, first, second = (self._pooled(values) for values in (maps * others, maps.square(), others.square()))
        similarity = product / ((first + _LEAST) * (second + _LEAST)).sqrt()
        peaks = [
            functional.max_pool2d(values, self.patch, self.patch // 2) - self._pooled(values)
            for values in (maps, others)
        ]
        loss = 1 - similarity + self.peakiness * (1 - (peaks[0] + peaks[1]) / 2)
        return self.loss_weight * (loss * whole).sum() / whole.sum().clamp(min=1)

    def _pooled(self, values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, self.patch, self.patch // 2)
