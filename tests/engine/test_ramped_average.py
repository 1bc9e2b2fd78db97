"""The average: equal to the published one, of weights and statistics, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from hybridkp.engine.ramped_average import RampedAverage

FACTS = json.loads((Path(__file__).parents[1] / 'data/yolov7_w6_pose/schedule.json').read_text())['ema']


class One(nn.Module):
    """A weight and a counter."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer('count', torch.tensor(0))


def test_published_values():
    model = One()
    average = RampedAverage(model)
    expected = {row['updates']: row for row in FACTS['rows']}
    for update in range(1, max(expected) + 1):
        with torch.no_grad():
            model.weight.fill_(update)
            model.count.fill_(update)
        average.update_parameters(model)
        if update in expected:
            assert average.module.weight.item() == pytest.approx(expected[update]['ema_of_w'], rel=FACTS['rtol'])
            assert average.module.count.item() == expected[update]['integer_buffer_in_ema'] == 0
    assert int(average.steps) == max(expected)


def test_statistics_are_averaged_and_the_model_is_left_alone(mmpose_scope):
    model = nn.BatchNorm1d(2)
    average = MODELS.build(dict(type='RampedAverage', model=model, decay=0.5, ramp=1e-9))
    model.running_mean.fill_(4)
    average.update_parameters(model)
    assert average.module.running_mean.tolist() == [2, 2] and model.running_mean.tolist() == [4, 4]
    average.update_parameters(model)
    assert average.module.running_mean.tolist() == [3, 3]


def test_interval():
    model = One()
    average = RampedAverage(model, decay=0.5, ramp=1e-9, interval=2)
    with torch.no_grad():
        model.weight.fill_(8)
    found = []
    for _ in range(4):
        average.update_parameters(model)
        found.append(average.module.weight.item())
    assert found == [0, 4, 4, 6]


@pytest.mark.parametrize('options', [dict(decay=0.0), dict(decay=1.0), dict(ramp=0.0)])
def test_wrong_settings(options):
    with pytest.raises(ValueError, match='expected a decay between 0 and 1 and a positive ramp'):
        RampedAverage(One(), **options)
