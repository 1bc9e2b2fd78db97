"""Mixed precision on every device."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn
from torch.nn.functional import conv2d

FASTER = 1.2
"""How many times as fast a convolution has to be in bfloat16 for a training on the CPU to use it."""


@OPTIM_WRAPPERS.register_module()
class MixedPrecision(OptimWrapper):
    """Train under autocast to bfloat16, whose range makes a loss scale unnecessary.

    mmengine's `AmpOptimWrapper` refuses CPUs, where bfloat16 pays as well on processors that are faster in it. On
    others, some of which have its instructions, and on GPUs before NVIDIA's Ampere, which emulate it, it is slower than
    float32: there the training stays in float32 and says so. The arguments are those of mmengine's `OptimWrapper` that
    a config here uses.

    Args:
        optimizer: the optimizer.
        accumulative_counts: how many batches' gradients are summed for a step.
        clip_grad: arguments of torch's ``clip_grad_norm_``.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None):
        super().__init__(optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad)
        self._pays: dict[str, bool] = {}  # by type of device

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run a step's forward pass under autocast."""
        device = next(model.parameters()).device.type
        if device not in self._pays:
            self._pays[device] = bfloat16_pays(device)
            if not self._pays[device]:
                print_log(f'this {device} is not faster in bfloat16: training in float32', 'current')
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, enabled=self._pays[device]):
            yield


@cache
def bfloat16_pays(device: str) -> bool:
    """Return whether a type of device, as ``'cpu'`` or ``'cuda'``, computes faster in bfloat16.

    A GPU does if it does not emulate it. A CPU is asked: a convolution, there and back, is timed in both precisions.
    """
    if device == 'cpu':
        known = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return known and seconds(torch.float32) > FASTER * seconds(torch.bfloat16)
    return device != 'cuda' or torch.cuda.is_bf16_supported(including_emulation=False)


def seconds(dtype: torch.dtype, runs: int = 4) -> float:
    """Return the shortest time that a small convolution and its gradients take the CPU in a precision."""
    image, kernel = (
        torch.full(shape, 0.5).to(memory_format=torch.channels_last).requires_grad_()
        for shape in ((4, 32, 64, 64), (32, 32, 3, 3))
    )
    times = []
    for _ in range(runs):
        start = perf_counter()
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
            out = conv2d(image, kernel, padding=1)
        out.float().sum().backward()
        times.append(perf_counter() - start)
    return min(times)
