"""The head that regresses covariances beside its heatmaps."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from hybridkp.models.heads.gaussian_heatmap_head import Features, GaussianHeatmapHead
from hybridkp.ops.peaks import NOISE, RADIUS, highest_cells


@MODELS.register_module()
class LikelihoodHead(GaussianHeatmapHead):
    """A `GaussianHeatmapHead` that regresses covariances by their likelihood instead of reading them off the heatmaps.

    The heatmaps place the points, as in `GaussianHeatmapHead`. A second 1x1 convolution gives three maps a keypoint.
    Their means over the window around the heatmap's highest cell, with the heatmap as weights, are l11, l21 and l22,
    and the covariance in cells^2 is

        floor^2 I + L L^T  with  L = [[softplus(l11), 0], [l21, softplus(l22)]],

    so that no axis is shorter than `floor` cells. It is trained by the likelihood of the label around the predicted
    point (Kumar et al. 2020, "LUVLi face alignment: estimating landmarks' location, uncertainty, and visibility
    likelihood", which regresses the factor from the whole image). That point is the mean of the window in training,
    where `ops.peaks.fit_peaks` would wait for the device.

    Args:
        in_channels: channels of the finest feature map.
        num_keypoints: K.
        codec: config of a `KeypointCodec`.
        loss: config of a heatmap loss ``(output, target, weights (B, K)) -> scalar``.
        likelihood: config of a loss ``(errors (B, K, 2), covariances (B, K, 2, 2), weights (B, K)) -> scalar``.
        sigmoid: whether heatmaps are the logistic function, in float32 at least, of what the convolution returns.
        detach_points: whether the likelihood trains the covariances only; else it moves the points, too.
        init_cfg: config of the initialisation.
    """

    floor: ClassVar[float] = 0.1
    """Smallest standard deviation along any axis, in cells, that of the narrowest peak that a codec decodes."""

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        codec: dict,
        loss: dict,
        likelihood: dict,
        sigmoid: bool = False,
        detach_points: bool = True,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(in_channels, num_keypoints, codec, loss, sigmoid, init_cfg)
        self.likelihood_module = MODELS.build(likelihood)
        self.detach_points = detach_points

    def _add_layers(self, in_channels: int, num_keypoints: int) -> None:
        super()._add_layers(in_channels, num_keypoints)
        self.cholesky_layer = nn.Conv2d(in_channels, 3 * num_keypoints, 1)

    def _cholesky_maps(self, feats: Features) -> Tensor:
        """Map features to maps (B, K, 3, h, w) of l11, l21 and l22, in float32 at least."""
        maps = self.cholesky_layer(feats[0]).unflatten(1, (-1, 3))
        return maps.to(torch.promote_types(maps.dtype, torch.float32))

    def view(self, feats: Features) -> Tensor:
        """Map features to what `decode` takes of a view (B, K, 4, h, w): the heatmap, l11, l21 and l22."""
        return torch.cat((self.forward(feats)[:, :, None], self._cholesky_maps(feats)), dim=2)

    def _further_losses(
        self, feats: Features, heatmaps: Tensor, keypoints: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Return ``loss_likelihood``, that of keypoints (B, K, 2) px with weights (B, K)."""
        cells, shares = _windows(heatmaps)
        covariances = self._covariances(self._cholesky_maps(feats), cells, shares.detach())
        points = self._points(cells, shares.detach() if self.detach_points else shares, heatmaps.shape[-1])
        return {'loss_likelihood': self.likelihood_module(keypoints - points, covariances, weights)}

    def _points(self, cells: Tensor, shares: Tensor, width: int) -> Tensor:
        """Return the mean points (B, K, 2) in input px of windows (B, K, P) of maps of a width in cells."""
        means = [(shares * axis).sum(dim=-1) for axis in (cells % width, cells // width)]
        offset = self.codec.pixel_offset
        return (torch.stack(means, dim=-1) + offset) * self.codec.stride - offset

    def _covariances(self, maps: Tensor, cells: Tensor, shares: Tensor) -> Tensor:
        """Return covariances (B, K, 2, 2) px^2 from maps (B, K, 3, h, w) in windows (B, K, P)."""
        values = maps.flatten(-2).gather(-1, cells[:, :, None].expand(-1, -1, 3, -1))
        l11, l21, l22 = (values * shares[:, :, None]).sum(dim=-1).unbind(dim=-1)
        l11, l22 = F.softplus(l11), F.softplus(l22)
        floor = self.floor**2
        entries = (l11.square() + floor, l11 * l21, l11 * l21, l21.square() + l22.square() + floor)
        return torch.stack(entries, dim=-1).unflatten(-1, (2, 2)) * self.codec.stride**2

    def _decode_view(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode a view (B, K, 4, h, w): the codec's points and scores, and the regressed covariances.

        The covariance is the codec's, that of the heatmap, where there is no other: in maps without a peak (score 0) or
        that are not finite, and of heatmaps (B, K, h, w) alone.
        """
        if view.dim() == 4:
            return super()._decode_view(view)
        heatmaps, maps = view[:, :, 0], view[:, :, 1:]
        points, scores, decoded = super()._decode_view(heatmaps)
        regressed = self._covariances(maps, *_windows(heatmaps))
        known = (scores > 0)[..., None, None] & regressed.isfinite().all(dim=-1).all(dim=-1)[..., None, None]
        return points, scores, torch.where(known, regressed, decoded)


def _windows(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the cells around each map's highest one, and weigh them by what is above the noise.

    Returns indices (B, K, P) of the cells of a flattened map, at a border of a window that is moved inside the map, and
    weights (B, K, P) with the sum 1, equal ones where the map (B, K, h, w) has no positive value.
    """
    maps, (height, width) = heatmaps.flatten(0, 1), heatmaps.shape[-2:]
    peaks, row, column = highest_cells(maps.detach())
    side_y, side_x = min(2 * RADIUS + 1, height), min(2 * RADIUS + 1, width)
    top, left = (row - RADIUS).clamp(0, height - side_y), (column - RADIUS).clamp(0, width - side_x)
    rows = top[:, None] + torch.arange(side_y, device=maps.device)
    columns = left[:, None] + torch.arange(side_x, device=maps.device)
    cells = (rows[:, :, None] * width + columns[:, None]).flatten(1)
    patches = maps.flatten(1).gather(1, cells).nan_to_num(0, 0, 0)
    excess = (patches - NOISE * peaks[:, None]).clamp(min=0) + torch.finfo(patches.dtype).tiny
    shares = excess / excess.sum(dim=1, keepdim=True)
    return cells.unflatten(0, heatmaps.shape[:2]), shares.unflatten(0, heatmaps.shape[:2])
