"""Second-order directional derivatives of anisotropic Gaussians: a bank of filters for blobs.

After Ren, Yu, Guo, Zhang and Sun 2023, "Second-order anisotropic Gaussian directional derivative filters for blob
detection". Along the derivative's direction a Gaussian is sigma / anisotropy wide, across it sigma * anisotropy, so
that anisotropy 1 is the plain Gaussian, and 1 / anisotropy the other of the two readings of the filter. Directions are
k pi / K, k = 0 .. K - 1, from the x axis towards the y axis; x points right, y down. With a the width along the
derivative, a^2 times a response does not change when picture and sigma are scaled together; for a blob that is
brighter than what is around it, it is negative.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

REACH = 4.5
"""Standard deviations beyond which a filter is cut off."""


def geometric_scales(smallest: float, largest: float, per_octave: int = 3) -> list[float]:
    """Return standard deviations in px from `smallest` to at most `largest` in steps of 2^(1 / per_octave).

    Raises:
        ValueError: if the limits are not positive and in order, or there is no step.
    """
    if not 0 < smallest <= largest or per_octave < 1:
        raise ValueError(
            f'expected scales with 0 < smallest <= largest and at least 1 per octave, got {smallest}, {largest} and '
            f'{per_octave}'
        )
    count = math.floor(per_octave * math.log2(largest / smallest) + 1e-9) + 1
    return [smallest * 2 ** (i / per_octave) for i in range(count)]


def filter_widths(sigma: float, anisotropy: float) -> tuple[float, float]:
    """Return a filter's standard deviations in px along and across its derivative.

    Raises:
        ValueError: if one of them is less than a pixel, where sampling no longer holds.
    """
    along, across = sigma / anisotropy, sigma * anisotropy
    if not min(along, across) >= 1 - 1e-9:
        raise ValueError(
            f'expected a filter that is at least 1 px wide, got {along:g} along and {across:g} px across its '
            f'derivative: sigma {sigma:g}, anisotropy {anisotropy:g}'
        )
    return along, across


def directions(orientations: int, like: Tensor) -> Tensor:
    """Return the K angles (K,) in radians of a full set, in the dtype and on the device of a tensor.

    Raises:
        ValueError: if there are fewer than three, which would not tell an ellipse's direction.
    """
    if orientations < 3:
        raise ValueError(f'expected at least 3 orientations, got {orientations}')
    return torch.arange(orientations, dtype=like.dtype, device=like.device) * (math.pi / orientations)


def directional_kernels(sigma: float, orientations: int, anisotropy: float, like: Tensor) -> Tensor:
    """Sample the K second derivatives (K, n, n), n odd, in the dtype and on the device of a tensor.

    Each sums to 0, by less of its own Gaussian, and has the second moment 2 along its direction p, so that the picture
    p^2 / 2 is answered by exactly 1.
    """
    along, across = filter_widths(sigma, anisotropy)
    radius = math.ceil(REACH * max(along, across))
    steps = torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device)
    angles = directions(orientations, like)[:, None, None]
    p = steps * angles.cos() + steps[:, None] * angles.sin()
    q = steps[:, None] * angles.cos() - steps * angles.sin()
    gaussian = torch.exp(-p.square() / (2 * along**2) - q.square() / (2 * across**2))
    gaussian = gaussian / (2 * math.pi * along * across)
    kernels = gaussian * (p.square() / along**4 - 1 / along**2)
    share = kernels.sum(dim=(1, 2), keepdim=True) / gaussian.sum(dim=(1, 2), keepdim=True)
    kernels = kernels - share * gaussian
    return kernels * (2 / (kernels * p.square()).sum(dim=(1, 2), keepdim=True))


def blob_kernel(sigma: float, orientations: int, anisotropy: float, like: Tensor) -> Tensor:
    """Sample the mean (n, n) of the K scale-normalised filters, for anisotropy 1 half of sigma^2 LoG."""
    along, _ = filter_widths(sigma, anisotropy)
    return along**2 * directional_kernels(sigma, orientations, anisotropy, like).mean(dim=0)


def directional_responses(images: Tensor, sigma: float, orientations: int = 8, anisotropy: float = 1.25) -> Tensor:
    """Return the scale-normalised responses (B, K, H, W) of images (B, H, W) to a bank; borders are mirrored."""
    images = _floating(images)
    along, _ = filter_widths(sigma, anisotropy)
    kernels = directional_kernels(sigma, orientations, anisotropy, images)
    return along**2 * _filter(images, [kernels])


def blob_measure(images: Tensor, sigmas: Sequence[float], orientations: int = 8, anisotropy: float = 1.25) -> Tensor:
    """Return the mean over the directions of the scale-normalised responses, (B, S, H, W) of images (B, H, W).

    It is one filter a scale. Negative at bright blobs, positive at dark ones; a Gaussian blob of contrast c has its
    extremum over the scales, for anisotropy 1 c / 4 where sigma is its own width.
    """
    images = _floating(images)
    return _filter(images, [blob_kernel(sigma, orientations, anisotropy, images)[None] for sigma in sigmas])


def mirrored(images: Tensor, margin: int) -> Tensor:
    """Continue images (B, H, W) by `margin` px on all sides, mirrored at the border pixels' centres as often as needed.

    A line of one pixel is repeated.
    """
    rows, columns = (_mirrored_index(size, margin, images.device) for size in images.shape[-2:])
    return images[..., rows[:, None], columns]


def _mirrored_index(size: int, margin: int, device: torch.device) -> Tensor:
    index = torch.arange(-margin, size + margin, device=device)
    if size == 1:
        return torch.zeros_like(index)
    index = index.remainder(2 * size - 2)
    return torch.minimum(index, 2 * size - 2 - index)


def _floating(images: Tensor) -> Tensor:
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _filter(images: Tensor, banks: Sequence[Tensor]) -> Tensor:
    """Correlate images (B, H, W) with banks of kernels (N_i, n_i, n_i) that are even: (B, sum of N_i, H, W).

    In the frequency domain, where a wide filter costs what a narrow one does. The images' means, which the kernels do
    not answer, are taken out before: rounding is relative to what is transformed.
    """
    height, width = images.shape[-2:]
    margin = max(bank.shape[-1] for bank in banks) // 2
    padded = mirrored(images - images.mean(dim=(1, 2), keepdim=True), margin)
    size = [_fast_length(side + 2 * margin) for side in (height, width)]
    spectrum = torch.fft.rfft2(padded, s=size)[:, None]
    results = []
    for bank in banks:
        radius = bank.shape[-1] // 2
        grid = bank.new_zeros(len(bank), *size)
        grid[:, : bank.shape[-1], : bank.shape[-1]] = bank
        transfer = torch.fft.rfft2(grid.roll((-radius, -radius), dims=(1, 2))).real  # of an even kernel it is real
        answer = torch.fft.irfft2(spectrum * transfer, s=size)
        results.append(answer[..., margin : margin + height, margin : margin + width])
    return torch.cat(results, dim=1)


def _fast_length(length: int) -> int:
    """Return the next number that has no prime factor above 5."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
