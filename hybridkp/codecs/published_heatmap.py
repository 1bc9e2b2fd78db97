"""The heatmap codec of checkpoints that others published."""

from typing import NamedTuple

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.isotropic_heatmap import IsotropicHeatmap
from hybridkp.ops.peaks import fit_peaks
from hybridkp.ops.published_decoders import dark, dark_udp, highest, kernel_size, quarter_offset
from hybridkp.ops.published_targets import render_squares


class _Rule(NamedTuple):
    """How someone encodes, merges views and decodes; see `PublishedHeatmap`."""

    decoder: str
    empty: int
    flip_shift: int
    rounded: bool
    windowed: bool
    kernel: int | None = None
    aligned: bool = False


RULES = {
    'official': _Rule('quarter', empty=0, flip_shift=1, rounded=True, windowed=True),
    'paddle': _Rule('dark', empty=0, flip_shift=1, rounded=True, windowed=True, kernel=3),
    'mmpose': _Rule('quarter_an_axis', empty=-1, flip_shift=1, rounded=True, windowed=True),
    'mmpose-dark': _Rule('dark', empty=-1, flip_shift=1, rounded=False, windowed=False),
    'mmpose-udp': _Rule('dark_udp', empty=-1, flip_shift=0, rounded=False, windowed=True, aligned=True),
}


@KEYPOINT_CODECS.register_module()
class PublishedHeatmap(IsotropicHeatmap):
    """Heatmaps under the rule of those who published a checkpoint, so that it is measured as they did.

    The rules, by whose they are:

    - ``official``, HRNet's authors: targets are centred on a cell and cut at 3 sigma; for the flip test the mirrored
      image's heatmaps move right by a column and both are averaged; a point lies a quarter of a cell from the highest
      cell, towards the higher neighbours.
    - ``paddle``, PaddleDetection: likewise, but points are decoded by DARK after a blur of 3 cells.
    - ``mmpose``, its `MSRAHeatmap`: as the first, but the quarter is added nearer to the border, too.
    - ``mmpose-dark``, the same with ``unbiased=True``: targets are centred on the point and not cut; points are decoded
      by DARK after the blur that belongs to the targets' width.
    - ``mmpose-udp``, its `UDPHeatmap`: targets are centred on the point and cut; the flip test moves nothing; DARK's
      step is taken with differences over one cell.

    The first cell is the first pixel and a cell is `stride` px. Under ``mmpose-udp``, in targets, the last cell is the
    last pixel, too, but x of w cells is decoded as x w / (w - 1) * stride, which is how mmpose measures. Maps
    without a positive value give the cell (0, 0), or (-1, -1) under mmpose's rules, as theirs do.

    Scores are the peaks' values as they are, which may be a little above 1 or below 0. Covariances are those
    of `ops.peaks.fit_peaks`, which no published decoder has.

    Args:
        rule: one of the above.
        sigma: standard deviation of the targets in input px, see `CovarianceSource`.
        relative_sigma: the same as a fraction of the input's side.
        stride: input pixels per cell.
        num_keypoints: K; the head sets it.
        input_size: (width, height) of the input in px; only stock mmpose needs it.

    Raises:
        ValueError: if there is no such rule.
    """

    def __init__(
        self,
        rule: str,
        sigma: float | None = None,
        relative_sigma: float | None = None,
        stride: int = 4,
        num_keypoints: int | None = None,
        input_size: tuple[int, int] | None = None,
    ):
        if rule not in RULES:
            raise ValueError(f'rule is one of {", ".join(RULES)}, not {rule!r}')
        super().__init__(sigma, relative_sigma, stride, num_keypoints, input_size, pixel_offset=0.0)
        self.rule = RULES[rule]
        self.flip_shift = self.rule.flip_shift
        self._kernels: dict[tuple[int, int], int] = {}

    def _render(self, keypoints: Tensor, covariance: Tensor, size: tuple[int, int]) -> Tensor:
        cells = keypoints / self.stride
        if self.rule.aligned:
            last = keypoints.new_tensor([size[1] - 1, size[0] - 1])
            cells = keypoints * last / ((last + 1) * self.stride - 1)
        sigmas = covariance[..., 0, 0].sqrt() / self.stride
        return render_squares(cells, sigmas, size, self.rule.rounded, self.rule.windowed)

    def _decode_maps(self, heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
        cells, scores = highest(maps, self.rule.empty)
        cells = self._refine(maps, cells)
        height, width = maps.shape[-2:]
        pixels = cells.new_tensor([self.stride, self.stride])
        if self.rule.aligned:
            pixels = pixels * cells.new_tensor([width / (width - 1), height / (height - 1)])
        _, _, covariance = fit_peaks(maps)
        return cells * pixels, scores, covariance * pixels * pixels[:, None]

    def _refine(self, maps: Tensor, cells: Tensor) -> Tensor:
        """Move the highest cells (B, K, 2) of maps (B, K, h, w) to where the rule sees the point."""
        if self.rule.decoder == 'quarter':
            return quarter_offset(maps, cells, both_axes=True)
        if self.rule.decoder == 'quarter_an_axis':
            return quarter_offset(maps, cells, both_axes=False)
        kernel = self.rule.kernel or self._kernel(maps.shape[-2:])
        return (dark if self.rule.decoder == 'dark' else dark_udp)(maps, cells, kernel)

    def _kernel(self, size: torch.Size) -> int:
        """Give the side of the kernel that fits the targets' width on maps of (h, w) cells, computed once a size."""
        size = tuple(size)
        if size not in self._kernels:
            variance = self.covariance.variance((size[0] * self.stride, size[1] * self.stride))
            self._kernels[size] = kernel_size(float(variance.mean().sqrt()) / self.stride)
        return self._kernels[size]
