"""The schedule of YOLOv7: warm-up of three kinds of parameters, cosine, and a nominal batch."""

import math

import numpy as np
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from hybridkp.engine.nominal_batch import NominalBatch


@HOOKS.register_module()
class NominalScheduleHook(Hook):
    """Set learning rates, momentum and accumulation before each iteration, and the weight decay once.

    With B images a step of all processes and a nominal batch of N, E epochs, and `final` the last learning rate over
    the first one:

    - the rate of an epoch e is lr (1 - (1 - final) (1 - cos(pi e / E)) / 2);
    - during the first max(3 epochs, 1000) iterations rates go linearly from 0, those of biases from `bias_rate`, the
      momentum from `first_momentum`, and the accumulation, rounded, from 1 to N / B;
    - the weight decay is multiplied by B max(round(N / B), 1) / N.

    All is a function of the iteration, so that a run can be resumed anywhere. It takes the place of the config's
    ``param_scheduler`` and needs the optimizer wrapper `NominalBatch`.

    Args:
        final: the last learning rate over the first one.
        warmup_epochs: how long the warm-up is, at least.
        warmup_iterations: how long the warm-up is, at least.
        bias_rate: the biases' first learning rate.
        first_momentum: the first momentum.
    """

    priority = 'HIGH'

    def __init__(
        self,
        final: float = 0.1,
        warmup_epochs: float = 3.0,
        warmup_iterations: int = 1000,
        bias_rate: float = 0.1,
        first_momentum: float = 0.8,
    ):
        self.final, self.warmup_epochs, self.warmup_iterations = final, warmup_epochs, warmup_iterations
        self.bias_rate, self.first_momentum = bias_rate, first_momentum

    def before_train(self, runner: Runner) -> None:
        """Find the groups of biases, and set the weight decay.

        Raises:
            ValueError: if the optimizer wrapper is another one or its optimizer has no momentum.
        """
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, NominalBatch) or 'momentum' not in wrapper.optimizer.defaults:
            raise ValueError(
                'NominalScheduleHook: expected the optimizer wrapper NominalBatch and an optimizer with a momentum, '
                f'got {type(wrapper).__name__} and {type(wrapper.optimizer).__name__}'
            )
        self.batch = runner.train_dataloader.batch_size * get_world_size()
        biases = {id(value) for name, value in runner.model.named_parameters() if name.endswith('.bias')}
        defaults, self.bias_groups = wrapper.optimizer.defaults, []
        decay = defaults['weight_decay'] * self.batch * max(round(wrapper.nominal / self.batch), 1) / wrapper.nominal
        for group in wrapper.optimizer.param_groups:
            if group['weight_decay'] > 0:
                group['weight_decay'] = decay
            if all(id(value) in biases for value in group['params']):
                self.bias_groups.append(group)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set what changes from iteration to iteration."""
        wrapper, defaults = runner.optim_wrapper, runner.optim_wrapper.optimizer.defaults
        epoch_length = len(runner.train_dataloader)
        values = self.values(runner.iter, epoch_length, runner.max_epochs, wrapper.nominal / self.batch, defaults)
        for group in wrapper.optimizer.param_groups:
            group['lr'], group['momentum'] = values['lr'], values['momentum']
        for group in self.bias_groups:
            group['lr'] = values['bias_lr']
        wrapper.accumulation = values['accumulation']

    def values(
        self, iteration: int, epoch_length: int, epochs: int, batches: float, defaults: dict
    ) -> dict[str, float]:
        """Give ``lr``, ``bias_lr``, ``momentum`` and ``accumulation`` of an iteration.

        Args:
            iteration: its number, from 0.
            epoch_length: iterations an epoch.
            epochs: of the training.
            batches: N / B, how many batches a nominal batch is.
            defaults: the optimizer's ``lr`` and ``momentum``.
        """
        progress = (1 - math.cos(math.pi * (iteration // epoch_length) / epochs)) / 2
        rate = defaults['lr'] * (1 - (1 - self.final) * progress)
        warmup = max(round(self.warmup_epochs * epoch_length), self.warmup_iterations)
        share = min(iteration / warmup, 1) if warmup else 1
        lr, bias_lr, momentum, accumulation = (
            float(np.interp(share, [0, 1], ends))
            for ends in ((0, rate), (self.bias_rate, rate), (self.first_momentum, defaults['momentum']), (1, batches))
        )
        return dict(lr=lr, bias_lr=bias_lr, momentum=momentum, accumulation=max(1, round(accumulation)))
