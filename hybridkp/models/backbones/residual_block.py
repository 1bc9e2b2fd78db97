"""The residual block that our backbones share."""

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, "Deep residual learning for image recognition").

    Args:
        in_channels: channels of the input.
        channels: channels of the output.
        stride: of the first convolution and, where it is not 1, of the shortcut.
        norm_cfg: config of the batch normalisation.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, norm_cfg: dict):
        super().__init__()
        self.conv1 = ConvModule(in_channels, channels, 3, stride=stride, padding=1, norm_cfg=norm_cfg)
        self.conv2 = ConvModule(channels, channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=None)
        same = stride == 1 and in_channels == channels
        self.shortcut = (
            nn.Identity()
            if same
            else ConvModule(in_channels, channels, 1, stride=stride, norm_cfg=norm_cfg, act_cfg=None)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, channels, h / stride, w / stride)."""
        return F.relu(self.conv2(self.conv1(x)) + self.shortcut(x))
