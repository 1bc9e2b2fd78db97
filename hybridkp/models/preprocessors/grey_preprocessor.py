"""The preprocessor of grey images."""

import torch
from mmengine.model import BaseDataPreprocessor
from mmpose.registry import MODELS


@MODELS.register_module()
class GreyPreprocessor(BaseDataPreprocessor):
    """Stack grey images of one size and give each mean 0 and standard deviation 1.

    Radiographs differ in exposure: an image's own statistics take out what fixed ones would leave. Images are read,
    moved and kept with one channel.

    Args:
        channels: channels of the network's input; 3 repeats the one channel without copying it, for networks that
            take nothing but colour.
        non_blocking: whether to move images to the device without waiting.

    Raises:
        ValueError: if an image has more than one channel, or the images are not of one size.
    """

    def __init__(self, channels: int = 1, non_blocking: bool = False):
        super().__init__(non_blocking)
        self.channels = channels

    def forward(self, data: dict, training: bool = False) -> dict:
        """Turn ``inputs``, images (1, H, W), into a batch (B, channels, H, W), float32; samples pass."""
        data = self.cast_data(data)
        shapes = {tuple(image.shape) for image in data['inputs']}
        if len(shapes) != 1 or next(iter(shapes))[0] != 1:
            raise ValueError(f'GreyPreprocessor takes grey images (1, H, W) of one size, got {sorted(shapes)}')
        images = data['inputs'] if torch.is_tensor(data['inputs']) else torch.stack(data['inputs'])
        std, mean = torch.std_mean(images.float(), dim=(1, 2, 3), keepdim=True)
        images = (images - mean) / std.clamp(min=1e-3)
        return dict(data, inputs=images.expand(-1, self.channels, -1, -1))
