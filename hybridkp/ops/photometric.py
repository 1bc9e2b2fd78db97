"""Random changes of what a camera makes of a scene: exposure, contrast, blur and noise."""

import math

import torch
from torch import Tensor
from torch.nn import functional

_BLUR = 1.2
"""Standard deviation of the widest blur in px."""


def change_photometry(images: Tensor, strength: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Change images (B, C, H, W) in [0, 1], each at random and on its device; the result is in [0, 1] as well.

    In this order: gamma up to a factor 1.5, contrast about the image's mean up to a factor 1.5, brightness up to 0.15,
    a Gaussian blur of up to 1.2 px in half of the images, and noise of a standard deviation up to 0.03; with `strength`
    s the factors are raised to the power s and the others multiplied by it.

    Args:
        images: (B, C, H, W).
        strength: 0 for none.
        generator: of the random numbers, on the images' device; None for torch's own.
    """
    drawn = torch.rand(len(images), 6, 1, 1, 1, generator=generator, device=images.device, dtype=images.dtype)
    signed = 2 * drawn - 1
    images = images.clamp(1e-6, 1) ** (1.5 ** (strength * signed[:, 0]))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * 1.5 ** (strength * signed[:, 1]) + mean + 0.15 * strength * signed[:, 2]
    images = _blur(images, strength * drawn[:, 3, 0, 0, 0] * (drawn[:, 4, 0, 0, 0] > 0.5))
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return (images + 0.03 * strength * drawn[:, 5] * noise).clamp(0, 1)


def _blur(images: Tensor, amounts: Tensor) -> Tensor:
    """Blur images (B, C, H, W) by Gaussians whose widths are `amounts` (B,) of the widest one; 0 leaves them."""
    batch, channels, height, width = images.shape
    radius = math.ceil(3 * _BLUR)
    steps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    sigmas = (_BLUR * amounts).clamp(min=1e-3)[:, None]
    line = torch.softmax(-steps.square() / (2 * sigmas.square()), dim=1).repeat_interleave(channels, dim=0)
    flat = images.reshape(1, batch * channels, height, width)
    flat = functional.pad(flat, (radius,) * 4, mode='replicate')
    for kernels in (line[:, None, None, :], line[:, None, :, None]):
        flat = functional.conv2d(flat, kernels, groups=batch * channels)
    return flat.view(images.shape)
