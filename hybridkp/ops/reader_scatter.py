"""How far several readers of the same images are from each other: one covariance a keypoint."""

import torch
from torch import Tensor


def reader_scatter(points: Tensor, visible: Tensor, keep_bias: bool = True, prior: float = 5.0) -> Tensor:
    """Fit the covariance of one reader's marks about the consensus, a keypoint each.

    The model of a mark is image + reader + noise: x_nr = t_n + b_r + e_nr. A keypoint's scatter W is the sum over
    images of the squares of the readers' deviations from their mean there, with as many degrees of freedom d as there
    are marks beyond the first; unequal readers may have marked unequal images. With few images W / d is little worth,
    so that it is drawn towards the covariance P of all keypoints together, by p degrees of freedom:

        S = (W + p P) / (d + p)

    the posterior mean under the conjugate prior, an inverse Wishart distribution of mean P whose parameters come from
    the data (Chen 1979, "Bayesian inference for a normal dispersion matrix"; Haff 1980, "Empirical Bayes estimation
    of the multivariate normal covariance matrix"; Gelman et al. 2013, "Bayesian data analysis", 3.6).

    Args:
        points: (N, R, K, 2), what R readers marked in N images, in px, or in any unit that makes the images alike.
        visible: (N, R, K), above 0 where the reader marked the keypoint; what one reader alone marked says nothing.
        keep_bias: whether S contains the readers' offsets b_r, which are no noise but still disagreement. False fits
            them by least squares and takes them out, with the degrees of freedom that they cost.
        prior: p in images' worth of degrees of freedom, above 0.

    Returns:
        S (K, 2, 2) in the unit of the points, squared; NaN where no two marks can be compared in the whole set.
    """
    seen = (visible > 0).to(points.dtype)
    seen = seen * (seen.sum(dim=1, keepdim=True) >= 2)
    count = seen.sum(dim=1)
    points = torch.where(seen[..., None] > 0, points, 0)
    mean = points.sum(dim=1) / count.clamp(min=1)[..., None]
    deviations = seen[..., None] * (points - mean[:, None])
    freedom = (count - 1).clamp(min=0).sum(dim=0)
    an_image = freedom.sum() / (count >= 2).sum()
    if not keep_bias:
        deviations, lost = _without_offsets(deviations, seen, count)
        freedom = freedom - lost
    scatter = torch.einsum('nrki,nrkj->kij', deviations, deviations)
    pooled = torch.where(freedom.sum() > 0, scatter.sum(dim=0) / freedom.sum(), torch.nan)
    strength = prior * an_image
    return (scatter + strength * pooled) / (freedom + strength)[:, None, None]


def _without_offsets(deviations: Tensor, seen: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Take each reader's offset out of deviations (N, R, K, 2), and say how many it cost each keypoint (K,).

    The least squares of the two-way layout: the normal equations of the offsets, once the images' means are
    eliminated, have the Laplacian of the graph of readers who marked the same images. It is singular (offsets are
    relative), and its rank is the number of offsets that the data tell apart.
    """
    laplacian = torch.diag_embed(seen.sum(dim=0).T)
    laplacian = laplacian - torch.einsum('nrk,nsk,nk->krs', seen, seen, 1 / count.clamp(min=1))
    solution = torch.linalg.pinv(laplacian, rtol=1e-6, hermitian=True)
    offsets = solution @ deviations.sum(dim=0).transpose(0, 1)
    offsets = seen[..., None] * offsets.transpose(0, 1)
    relative = offsets - seen[..., None] * (offsets.sum(dim=1) / count.clamp(min=1)[..., None])[:, None]
    lost = (laplacian @ solution).diagonal(dim1=-2, dim2=-1).sum(dim=-1).round()
    return deviations - relative, lost
