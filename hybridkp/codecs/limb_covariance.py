"""Target covariances that lie along the limbs."""

from collections.abc import Mapping

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.target_context import TargetContext
from hybridkp.ops.sigma_limits import limit_sigmas


@KEYPOINT_CODECS.register_module()
class LimbCovariance(CovarianceSource):
    """Targets that are long along the bones that meet at a keypoint, and as wide across as OKS forgives.

    Across, the standard deviation is ``scale * sigma * sqrt(area)``: the keypoint's OKS sigma and the instance's area
    in input px^2 (Lin et al. 2014, "Microsoft COCO"; OKS itself is a Gaussian of twice that width). Along, it is
    `elongation` times that where one labelled bone meets the keypoint, or several in line.

    The bones' directions phi are axes, without a sign, so that their mean is that of doubled angles (Mardia and Jupp
    2000, "Directional statistics", 1.3): with the mean of (cos 2 phi, sin 2 phi) of length R, the covariance is

        sigma^2 (I + (elongation^2 - 1) R a a^T)

    with a the mean axis. R is 1 for bones in line and 0 for a right angle, so that a bent joint is rounder, a keypoint
    without a labelled bone round, and the covariance changes steadily with the pose. No axis is narrower than 3/4 of a
    cell. A bone counts where both of its ends are labelled.

    Args:
        skeleton: the config's skeleton, with ``keypoints`` (K names), ``links`` (pairs of names) and ``sigmas`` (K).
        scale: factor of all standard deviations.
        elongation: the standard deviation along a bone over that across, at least 1.
        num_keypoints: K, checked where given.
        cell: side of a heatmap's cell in px, see `CovarianceSource`.

    Raises:
        ValueError: if the skeleton lacks something or names an unknown keypoint, or if a number is out of range.
    """

    def __init__(
        self,
        skeleton: Mapping,
        scale: float = 1.0,
        elongation: float = 1.5,
        num_keypoints: int | None = None,
        cell: float = 0.0,
    ):
        if missing := {'keypoints', 'links', 'sigmas'} - set(skeleton):
            raise ValueError(f'LimbCovariance: the skeleton has no {", ".join(sorted(missing))}')
        names, sigmas = list(skeleton['keypoints']), list(skeleton['sigmas'])
        if len(names) != len(sigmas):
            raise ValueError(f'LimbCovariance: {len(sigmas)} sigmas for {len(names)} keypoints')
        if num_keypoints not in (None, len(names)):
            raise ValueError(f'LimbCovariance: a skeleton of {len(names)} keypoints for {num_keypoints} keypoints')
        if not 1 <= elongation < float('inf'):
            raise ValueError(f'elongation must be at least 1, got {elongation}')
        super().__init__(relative_sigma=[scale * sigma for sigma in sigmas], num_keypoints=num_keypoints, cell=cell)
        self.elongation = elongation
        self.register_buffer('neighbours', _neighbours(names, skeleton['links']), persistent=False)

    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px.

        Raises:
            ValueError: if the context has no weights or areas.
        """
        weights, areas = (context or TargetContext()).require('LimbCovariance', 'weights', 'areas')
        cos, sin = _mean_axes(keypoints, weights > 0, self.neighbours)
        length = torch.hypot(cos, sin)
        # a a^T = (I + [[cos, sin], [sin, -cos]] / R) / 2, in doubled angles
        ones = torch.stack((length + cos, sin, sin, length - cos), dim=-1).unflatten(-1, (2, 2)) / 2
        eye = torch.eye(2, dtype=ones.dtype, device=ones.device)
        variances = areas[:, None] * self.widths.square()
        covariances = variances[..., None, None] * (eye + (self.elongation**2 - 1) * ones)
        return limit_sigmas(covariances, self.narrowest * self.cell)


def _neighbours(names: list[str], links: list) -> Tensor:
    """Give for each keypoint the other ends of its links (K, D), filled up with the keypoint itself."""
    ends = [[] for _ in names]
    for link in links:
        if isinstance(link, str) or len(link) != 2 or not set(link) <= set(names) or link[0] == link[1]:
            raise ValueError(f'LimbCovariance: expected a link of two of the keypoints {names}, got {link}')
        first, second = map(names.index, link)
        ends[first].append(second)
        ends[second].append(first)
    most = max(map(len, ends))
    return torch.tensor([others + [i] * (most - len(others)) for i, others in enumerate(ends)], dtype=torch.long)


def _mean_axes(keypoints: Tensor, labelled: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of cos 2 phi and sin 2 phi (B, K) over the links that meet at keypoints (B, K, 2).

    A link of no length counts as none, and with it the filling of `neighbours` (K, D).
    """
    keypoints = torch.where(labelled[..., None], keypoints, 0)
    bones = keypoints[:, neighbours] - keypoints[:, :, None]
    squares = bones.square().sum(dim=-1)
    counted = (labelled[:, neighbours] & labelled[:, :, None] & (squares > 1e-6)).to(bones.dtype)
    share = counted / squares.clamp(min=1e-6) / counted.sum(dim=-1, keepdim=True).clamp(min=1)
    x, y = bones.unbind(dim=-1)
    return (share * (x.square() - y.square())).sum(dim=-1), (share * 2 * x * y).sum(dim=-1)
