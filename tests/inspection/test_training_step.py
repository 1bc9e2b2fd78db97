"""A watched training step."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from hybridkp.inspection.training_step import take_step


class Preprocessor(nn.Module):
    """Stacks what a batch holds."""

    def forward(self, data, training):
        return dict(inputs=torch.stack(data['inputs']).float())


class Model(nn.Module):
    """The mean of a linear map, and a part that is not used."""

    def __init__(self, unused=False, broken=False):
        super().__init__()
        self.data_preprocessor = Preprocessor()
        self.layer = nn.Linear(1000, 2)
        self.unused = nn.Linear(1, 1) if unused else None
        self.broken = broken

    def forward(self, inputs, mode):
        squares = self.layer(inputs).square()
        return dict(loss_a=(squares.mean() - squares.mean()).sqrt() if self.broken else squares.mean())

    def parse_losses(self, losses):
        total = sum(losses.values())
        return total, {**losses, 'loss': total}


def step(model, count=4):
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=0.1))
    return take_step(model, wrapper, [dict(inputs=torch.ones(1000))] * count, repeats=1)


def test_losses_and_time():
    torch.manual_seed(0)
    model = Model()
    expected = model(torch.ones(4, 1000), 'loss')['loss_a'].item()
    result = step(model)
    assert result.losses == dict(loss_a=pytest.approx(expected), loss=pytest.approx(expected))
    assert result.batch == 4 and result.seconds > 0 and result.untrained == [] and result.broken == []


def test_the_model_was_trained():
    model = Model()
    before = model.layer.weight.clone()
    step(model)
    assert not torch.equal(before, model.layer.weight) and model.training


def test_bytes():
    result = step(Model())
    # 2002 parameters, their gradients and two moments, and Adam's two counters, in float32
    assert result.fixed == 4 * (4 * 2002 + 2)
    # kept are the inputs, 1000 numbers a sample, and the 2 outputs that are squared
    assert result.per_sample == 4 * (1000 + 2)
    assert step(Model(), count=8).per_sample == result.per_sample


def test_parameters_without_gradient():
    assert step(Model(unused=True)).untrained == ['unused.weight', 'unused.bias']


def test_gradients_that_are_not_finite():
    result = step(Model(broken=True))
    assert result.losses['loss'] == 0 and result.broken == ['layer.weight', 'layer.bias']
