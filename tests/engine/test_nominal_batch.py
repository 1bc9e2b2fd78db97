"""Sums of gradients: the step is that of one large batch, and comes when it should."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

from hybridkp.engine import mixed_precision
from hybridkp.engine.nominal_batch import NominalBatch


class Line(nn.Module):
    """One weight whose gradient is the sum of what it is given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


def wrapper(model, **options):
    return NominalBatch(torch.optim.SGD(model.parameters(), lr=1.0), **options)


def test_gradients_are_summed_and_steps_come_at_multiples():
    model = Line()
    wrapped = wrapper(model)
    wrapped.initialize_count_status(model, 0, 100)
    wrapped.accumulation = 3
    found = []
    for iteration in range(7):
        assert wrapped.should_sync() == (iteration % 3 == 0)
        wrapped.update_params(model.weight.sum() * 2**iteration)
        assert wrapped.stepped == (iteration % 3 == 0)
        found.append(-model.weight.item())
    # steps at 0, 3 and 6, of 1, 2 + 4 + 8 and 16 + 32 + 64
    assert found == [1, 1, 1, 15, 15, 15, 127]


def test_last_iteration_steps():
    model = Line()
    wrapped = wrapper(model)
    wrapped.initialize_count_status(model, 0, 5)
    wrapped.accumulation = 3
    for _ in range(4):
        wrapped.update_params(model.weight.sum())
    assert model.weight.item() == -4 and wrapped.should_sync()
    wrapped.update_params(model.weight.sum())
    assert model.weight.item() == -5 and wrapped.stepped


def test_accumulation_may_change_on_the_way():
    model = Line()
    wrapped, found = wrapper(model), []
    wrapped.initialize_count_status(model, 0, 100)
    for accumulation in (1, 1, 2, 2, 4, 4, 4, 4, 4):
        wrapped.accumulation = accumulation
        wrapped.update_params(model.weight.sum())
        found.append(-model.weight.item())
    assert found == [1, 2, 3, 3, 5, 5, 5, 5, 9]


def test_computes_in_bfloat16_and_clips(mmpose_scope, monkeypatch):
    monkeypatch.setattr(mixed_precision, 'bfloat16_pays', lambda device: True)
    model = nn.Linear(4, 1)
    with DefaultScope.overwrite_default_scope('mmpose'):
        settings = dict(type='NominalBatch', optimizer=torch.optim.SGD(model.parameters(), lr=1.0))
        wrapped = OPTIM_WRAPPERS.build(settings | dict(clip_grad=dict(max_norm=0.5), nominal=16))
    with wrapped.optim_context(model):
        output = model(torch.ones(2, 4))
    assert output.dtype == torch.bfloat16 and wrapped.nominal == 16
    before = [value.detach().clone() for value in model.parameters()]
    wrapped.update_params(100 * output.float().sum())
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, model.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-3)


def test_nominal_batch_is_positive():
    with pytest.raises(ValueError, match='expected a positive number of images, got 0'):
        wrapper(Line(), nominal=0)
