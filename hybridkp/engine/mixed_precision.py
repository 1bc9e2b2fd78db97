"""Mixed precision on every device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class MixedPrecision(OptimWrapper):
    """Train under autocast to bfloat16, whose range makes a loss scale unnecessary.

    mmengine's `AmpOptimWrapper` refuses CPUs, where bfloat16 pays as well on processors that have it. The arguments
    are those of mmengine's `OptimWrapper` that a config here uses.

    Args:
        optimizer: the optimizer.
        accumulative_counts: how many batches' gradients are summed for a step.
        clip_grad: arguments of torch's ``clip_grad_norm_``.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None):
        super().__init__(optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run a step's forward pass under autocast."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
