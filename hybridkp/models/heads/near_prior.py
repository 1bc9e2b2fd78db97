"""The part of heatmaps that is near the points of a network that looked before."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.codecs.anisotropic_heatmap import AnisotropicHeatmap
from hybridkp.ops.near_points import keep_near


def near_prior(
    views: list[Tensor], samples: Sequence[PoseDataSample], codec: AnisotropicHeatmap, search_radius: float | None
) -> list[Tensor]:
    """Look for the second of two networks' peaks near the first one's points only.

    Samples without ``prior_keypoints`` (1, K, 2), the first one's points in image px, and everything where the
    radius is None, stay as they are.

    Args:
        views: heatmaps (B, K, h, w) of the images and, for the flip test, those of the mirrored images.
        samples: of the images; their metainfo has the crop.
        codec: of the heatmaps.
        search_radius: as a fraction of the input's side, the square root of its area.

    Returns:
        The views, 0 beyond the radius.

    Raises:
        ValueError: if the views are more than heatmaps.
    """
    if search_radius is None or any('prior_keypoints' not in sample.metainfo for sample in samples):
        return views
    if views[0].dim() != 4:
        raise ValueError(f'search_radius takes heatmaps (B, K, h, w), not views of shape {tuple(views[0].shape)}')
    size = samples[0].metainfo['input_size']
    points = _in_input(samples).to(views[0].device)
    cells = (points + codec.pixel_offset) / codec.stride - codec.pixel_offset
    radius = search_radius * math.sqrt(float(np.prod(size))) / codec.stride
    near = [keep_near(views[0], cells, radius)]
    for mirrored in views[1:]:
        x, y = cells[:, samples[0].metainfo['flip_indices']].unbind(dim=-1)
        near.append(keep_near(mirrored, torch.stack((mirrored.shape[-1] - 1 - x, y), dim=-1), radius))
    return near


def _in_input(samples: Sequence[PoseDataSample]) -> Tensor:
    """Return the samples' prior keypoints (B, K, 2) in input px."""
    names = ('prior_keypoints', 'input_size', 'input_center', 'input_scale')
    points, size, center, shown = (
        np.asarray([sample.metainfo[name] for sample in samples], dtype=np.float32) for name in names
    )
    corner = center - 0.5 * shown
    return torch.from_numpy((points[:, 0] - corner[:, None]) * (size / shown)[:, None])
