"""The negative log-likelihood of errors under predicted covariances."""

import math

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.ops.covariance import determinant


@MODELS.register_module()
class CovarianceLikelihood(nn.Module):
    """Negative log-likelihood of errors d (px) under covariances S (px^2), the likelihoods of LUVLi.

    With m = d^T S^-1 d, of two dimensions and in nats,

        Gaussian:   ln(2 pi)     + ln(det S) / 2 + m / 2
        Laplacian:  ln(2 pi / 3) + ln(det S) / 2 + sqrt(3 m)

    (Kumar et al. 2020, "LUVLi face alignment: estimating landmarks' location, uncertainty, and visibility likelihood").
    Both densities integrate to 1 and have the covariance S: the Laplacian's integral over the plane is
    3 * integral of r exp(-sqrt(3) r) dr = 1, its mean of m is 3 * integral of r^3 exp(-sqrt(3) r) dr = 2.

    A point that is far off, as all are when training begins, would outweigh everything: the last term's slope over the
    logarithm of S's scale grows with m. From m = `limit` on, that term goes on as a line over ln m, without a kink:
    all that is beyond pulls as hard as what is at the limit. Of the errors that S describes, 4 in a million of Gaussian
    ones and 0.17 % of Laplacian ones are beyond 25.

    Args:
        kind: ``'gaussian'`` or ``'laplacian'``, which gives outliers less weight.
        limit: squared Mahalanobis distance from which on the loss flattens; with a mean of 2, what is at it must pull.
        loss_weight: factor of the loss.

    Raises:
        ValueError: if there is no such kind, or if the limit is not above 2 and finite, or if the weight is negative.
    """

    def __init__(self, kind: str = 'gaussian', limit: float = 25.0, loss_weight: float = 1.0):
        super().__init__()
        if kind not in ('gaussian', 'laplacian'):
            raise ValueError(f"kind is 'gaussian' or 'laplacian', not {kind!r}")
        if not 2 < limit < math.inf:
            raise ValueError(f'limit is above 2 and finite, not {limit}')
        if not loss_weight >= 0:
            raise ValueError(f'loss_weight is not negative, but here it is {loss_weight}')
        self.kind, self.limit, self.loss_weight = kind, limit, loss_weight

    def forward(self, errors: Tensor, covariances: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted mean of the keypoints' losses, a scalar, in float32 at least; 0 where all weights are 0.

        Args:
            errors: (B, K, 2) px, label minus point; where the weight is 0 they need not be finite.
            covariances: (B, K, 2, 2) px^2, positive definite.
            weights: (B, K), not negative.

        Raises:
            ValueError: if the shapes do not fit.
        """
        shape = tuple(weights.shape)
        if errors.shape != (*shape, 2) or covariances.shape != (*shape, 2, 2):
            raise ValueError(
                f'weights {shape} go with errors {(*shape, 2)} and covariances {(*shape, 2, 2)}, '
                f'not {tuple(errors.shape)} and {tuple(covariances.shape)}'
            )
        dtype = torch.promote_types(torch.promote_types(errors.dtype, covariances.dtype), torch.float32)
        weights = weights.to(dtype)
        errors = torch.where(weights[..., None] > 0, errors.to(dtype), 0)
        losses = self._likelihoods(errors, covariances.to(dtype))
        mean = (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(dtype).eps)
        return self.loss_weight * mean

    def _likelihoods(self, errors: Tensor, covariances: Tensor) -> Tensor:
        """Return the negative logarithm (...) of the density at errors (..., 2)."""
        determinants = determinant(covariances)
        (x, y), (xx, xy, yy) = errors.unbind(dim=-1), (covariances[..., i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        squared = (yy * x.square() - 2 * xy * x * y + xx * y.square()) / determinants
        near, beyond = squared.clamp(max=self.limit), (squared / self.limit).clamp(min=1).log()
        if self.kind == 'gaussian':
            constant, exponent, slope = 2 * math.pi, near / 2, self.limit / 2
        else:  # a root has no gradient at 0, where the density has its tip
            constant, exponent = 2 * math.pi / 3, (3 * near).clamp(min=1e-12).sqrt()
            slope = math.sqrt(3 * self.limit) / 2
        return math.log(constant) + determinants.log() / 2 + exponent + slope * beyond
