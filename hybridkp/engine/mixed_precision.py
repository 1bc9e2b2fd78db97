"""Mixed precision on every device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class MixedPrecision(OptimWrapper):
    """Train under autocast to bfloat16, whose range makes a loss scale unnecessary.

    mmengine's `AmpOptimWrapper` refuses CPUs, where bfloat16 pays as well on processors that have it. On those that do
    not, and on GPUs before NVIDIA's Ampere, bfloat16 is emulated and many times as slow as float32: there the training
    stays in float32 and says so. The arguments are those of mmengine's `OptimWrapper` that a config here uses.

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
            self._pays[device] = has_bfloat16(device)
            if not self._pays[device]:
                print_log(f'this {device} has no bfloat16: training in float32, which is faster here', 'current')
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, enabled=self._pays[device]):
            yield


def has_bfloat16(device: str) -> bool:
    """Return whether a type of device, as ``'cpu'`` or ``'cuda'``, computes in bfloat16 without emulating it."""
    if device == 'cpu':
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device != 'cuda' or torch.cuda.is_bf16_supported(including_emulation=False)
