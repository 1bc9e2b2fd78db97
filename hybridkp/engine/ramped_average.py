"""A moving average of the weights that forgets quickly at first."""

import math

import torch
from mmengine.model import BaseAveragedModel
from mmpose.registry import MODELS
from torch import nn


@MODELS.register_module()
class RampedAverage(BaseAveragedModel):
    """The exponential moving average of YOLOv7: at update n, e = d e + (1 - d) w with d = decay (1 - exp(-n / ramp)).

    Running statistics are averaged, too; integers stay as they are.

    Args:
        model: the model to average.
        decay: what d tends to.
        ramp: after how many updates d is 63 % of that.
        interval: how many updates are one.
        device: where the average is kept; by default where the model is.

    Raises:
        ValueError: if the decay is not between 0 and 1, or the ramp not positive.
    """

    def __init__(
        self,
        model: nn.Module,
        decay: float = 0.9999,
        ramp: float = 2000.0,
        interval: int = 1,
        device: torch.device | None = None,
    ):
        if not 0 < decay < 1 or not ramp > 0:
            raise ValueError(
                f'RampedAverage: expected a decay between 0 and 1 and a positive ramp, got {decay}, {ramp}'
            )
        super().__init__(model, interval, device, update_buffers=True)
        self.decay, self.ramp = decay, ramp

    def update_parameters(self, model: nn.Module) -> None:
        """Take the model's weights and running statistics into the average."""
        self.steps += 1
        if self.steps % self.interval:
            return
        share = 1 - self.decay * (1 - math.exp(-(int(self.steps) // self.interval) / self.ramp))
        for name, value in model.state_dict().items():
            average = self.avg_parameters[name]
            if average.is_floating_point():
                average.lerp_(value.detach().to(average), share)
