"""The hook averages after steps only, and its state survives a checkpoint."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hybridkp.engine.ramped_average import RampedAverage
from hybridkp.engine.step_average_hook import StepAverageHook


@pytest.fixture
def hooked(mmpose_scope):
    """A hook on a model of one weight, 1, averaged with a decay of 1/2 from 0 on."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.zero_()
    runner = SimpleNamespace(model=model, iter=0, optim_wrapper=SimpleNamespace(stepped=True), _resume=True)
    hook = StepAverageHook(decay=0.5, ramp=1e-9)
    hook.before_run(runner)
    with torch.no_grad():
        model.weight.fill_(1)
    return hook, runner


def test_only_steps_are_averaged(hooked):
    hook, runner = hooked
    assert isinstance(hook.ema_model, RampedAverage)
    found = []
    for stepped in (True, False, False, True):
        runner.optim_wrapper.stepped = stepped
        hook.after_train_iter(runner, 0)
        found.append(hook.ema_model.module.weight.item())
    assert found == [0.5, 0.5, 0.5, 0.75]


def test_other_wrappers_step_every_time(hooked):
    hook, runner = hooked
    runner.optim_wrapper = SimpleNamespace()
    hook.after_train_iter(runner, 0)
    assert hook.ema_model.module.weight.item() == 0.5


def test_checkpoints_hold_the_average_and_resume_it(hooked):
    hook, runner = hooked
    hook.after_train_iter(runner, 0)
    checkpoint = dict(state_dict={name: value.clone() for name, value in runner.model.state_dict().items()})
    hook.before_save_checkpoint(runner, checkpoint)
    checkpoint = deepcopy(checkpoint)
    assert checkpoint['state_dict']['weight'].item() == 0.5  # what is tested
    hook.ema_model.module.weight.data.fill_(9)
    hook.after_load_checkpoint(runner, checkpoint)
    assert hook.ema_model.module.weight.item() == 0.5 and int(hook.ema_model.steps) == 1
    assert checkpoint['state_dict']['weight'].item() == 1
