"""What a preprocessor does to images, as a part of a graph."""

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from hybridkp.errors import InputError
from hybridkp.models.preprocessors.grey_preprocessor import GreyPreprocessor


class InputNormalisation(nn.Module):
    """Turn images as they are read, uint8, into what a network takes, as a preprocessor does.

    Known are `GreyPreprocessor` and mmpose's ``PoseDataPreprocessor`` with a mean and a standard deviation.

    Attributes:
        channels: of the images as they are read: ``'grey'``, ``'BGR'`` or ``'RGB'``.

    Args:
        preprocessor: the model's.

    Raises:
        InputError: if the preprocessor is none of them, or does more.
    """

    def __init__(self, preprocessor: BaseDataPreprocessor):
        super().__init__()
        self.repeats = preprocessor.channels if isinstance(preprocessor, GreyPreprocessor) else 0
        self.swaps, self.channels = False, 'grey'
        if self.repeats:
            return
        if not getattr(preprocessor, '_enable_normalize', False) or getattr(preprocessor, 'pad_size_divisor', 1) != 1:
            raise InputError(
                f'expected a preprocessor that normalises with a mean and a standard deviation and pads nothing, '
                f'got {type(preprocessor).__name__}'
            )
        mean, std = (torch.as_tensor(getattr(preprocessor, name)).float().view(1, -1, 1, 1) for name in ('mean', 'std'))
        if mean.shape[1] != 3:
            raise InputError(f'expected a preprocessor of colour images, got one of {mean.shape[1]} channels')
        self.register_buffer('mean', mean)
        self.register_buffer('std', std)
        self.swaps = bool(preprocessor._channel_conversion)
        self.channels = 'BGR' if self.swaps else 'as read'

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W), as they are read, to (B, C, H, W), float32."""
        images = images.float()
        if self.repeats:
            mean = images.mean(dim=(1, 2, 3), keepdim=True)
            count = images.shape[1] * images.shape[2] * images.shape[3]
            variance = (images - mean).square().sum(dim=(1, 2, 3), keepdim=True) / (count - 1)
            images = (images - mean) / variance.sqrt().clamp(min=1e-3)
            return torch.cat([images] * self.repeats, dim=1)
        if self.swaps:
            images = torch.cat((images[:, 2:], images[:, 1:2], images[:, :1]), dim=1)
        return (images - self.mean) / self.std
