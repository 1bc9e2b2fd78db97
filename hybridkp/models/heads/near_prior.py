"""The part of heatmaps that is near the points of a network that looked before."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.codecs.anisotropic_heatmap import AnisotropicHeatmap
from hybridkp.models.crop_frame import crop_frame
from hybridkp.ops.near_points import keep_near


def near_prior(
    views: list[Tensor], samples: Sequence[PoseDataSample], codec: AnisotropicHeatmap, search_radius: float | None
) -> list[Tensor]:
    """Look for the second of two networks' peaks near the first one's points only.

    Everything stays as it is where the radius is None or a sample has no ``prior_keypoints`` (1, K, 2), the first one's
    points in image px.

    Args:
        views: heatmaps (B, K, h, w) of the images and, for the flip test, those of the mirrored images.
        samples: of the images; their metainfo has what `crop_frame` takes.
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
    metainfos = [sample.metainfo for sample in samples]
    scale, corner = crop_frame(metainfos)
    prior = np.concatenate([metainfo['prior_keypoints'] for metainfo in metainfos])
    points = torch.from_numpy((prior - corner[:, None]) / scale[:, None]).float().to(views[0].device)
    cells = (points + codec.pixel_offset) / codec.stride - codec.pixel_offset
    radius = search_radius * math.sqrt(math.prod(metainfos[0]['input_size'])) / codec.stride
    near = [keep_near(views[0], cells, radius)]
    for mirrored in views[1:]:
        x, y = cells[:, metainfos[0]['flip_indices']].unbind(dim=-1)
        near.append(keep_near(mirrored, torch.stack((mirrored.shape[-1] - 1 - x, y), dim=-1), radius))
    return near
