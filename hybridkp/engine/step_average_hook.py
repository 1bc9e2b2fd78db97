"""Averaging of weights after each step of the optimizer."""

from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class StepAverageHook(EMAHook):
    """mmengine's `EMAHook` with a `RampedAverage`, that leaves out iterations that only accumulate gradients.

    Args:
        decay: of the `RampedAverage`.
        ramp: of the `RampedAverage`.
    """

    def __init__(self, decay: float = 0.9999, ramp: float = 2000.0):
        super().__init__('RampedAverage', strict_load=True, decay=decay, ramp=ramp)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Update the average if there was a step."""
        if getattr(runner.optim_wrapper, 'stepped', True):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
