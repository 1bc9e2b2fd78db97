"""The heatmap codec with one width for all keypoints."""

from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs.anisotropic_heatmap import AnisotropicHeatmap


@KEYPOINT_CODECS.register_module()
class IsotropicHeatmap(AnisotropicHeatmap):
    """`AnisotropicHeatmap` with a fixed round Gaussian.

    Args:
        sigma: standard deviation of the targets in input px, see `CovarianceSource`.
        relative_sigma: the same as a fraction of the input's side.
        stride: input pixels per cell.
        num_keypoints: K; the head sets it.
        input_size: (width, height) of the input in px; only stock mmpose needs it.
        pixel_offset: the pixel-to-cell rule of `AnisotropicHeatmap`.
    """

    def __init__(
        self,
        sigma: float | None = None,
        relative_sigma: float | None = None,
        stride: int = 4,
        num_keypoints: int | None = None,
        input_size: tuple[int, int] | None = None,
        pixel_offset: float = 0.5,
    ):
        source = dict(type='FixedCovariance', sigma=sigma, relative_sigma=relative_sigma)
        super().__init__(source, stride, num_keypoints, input_size, pixel_offset)
