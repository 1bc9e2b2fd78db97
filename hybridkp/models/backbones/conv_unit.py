"""The unit that single-stage networks are made of."""

from torch import Tensor, nn


class ConvUnit(nn.Module):
    """A convolution without bias, batch normalisation and SiLU; the size is kept up to the stride.

    The values of a convolution are torch's own at first: mmcv's `ConvModule` would draw others, whatever initialisation
    its owner has.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side of the kernel, odd.
        stride: of the convolution.
        depthwise: whether each channel has a kernel of its own; there are as many outputs as inputs then.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, depthwise: bool = False):
        super().__init__()
        groups = in_channels if depthwise else 1
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03)
        self.activation = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h / stride, w / stride)."""
        return self.activation(self.bn(self.conv(x)))
