"""Sums of gradients over as many batches as a nominal batch has."""

import torch
from mmpose.registry import OPTIM_WRAPPERS
from torch import Tensor

from hybridkp.engine.mixed_precision import MixedPrecision


@OPTIM_WRAPPERS.register_module()
class NominalBatch(MixedPrecision):
    """Train under autocast to bfloat16, and step when the gradients of `accumulation` batches are summed.

    mmengine's wrappers take means of accumulated gradients. Losses that grow with the batch, as those of single-stage
    detectors do, are summed: the step is that of one large batch. A step comes at each iteration whose number, from 0,
    is a multiple of `accumulation`, and at the last one. `NominalScheduleHook` sets and changes that number.

    Args:
        optimizer: the optimizer.
        nominal: the number of images that a step should have seen.
        clip_grad: arguments of torch's ``clip_grad_norm_``.

    Raises:
        ValueError: if the nominal batch is not positive.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, nominal: int = 64, clip_grad: dict | None = None):
        super().__init__(optimizer, clip_grad=clip_grad)
        if nominal < 1:
            raise ValueError(f'NominalBatch: expected a positive number of images, got {nominal}')
        self.nominal, self.accumulation = nominal, 1

    @property
    def stepped(self) -> bool:
        """Whether the last iteration ended with a step."""
        return (self._inner_count - 1) % self.accumulation == 0 or self._inner_count == self._max_counts

    def should_update(self) -> bool:
        """Say, after the gradients of an iteration, whether to step."""
        return self.stepped

    def should_sync(self) -> bool:
        """Say, before the gradients of an iteration, whether processes need their sum."""
        return self._inner_count % self.accumulation == 0 or self._inner_count + 1 == self._max_counts

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Leave the loss as it is."""
        return loss
