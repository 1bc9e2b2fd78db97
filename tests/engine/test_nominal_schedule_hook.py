"""The schedule: equal to the published one at every iteration of the fixture, and its groups of parameters."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS
from torch import nn

from hybridkp.engine.nominal_schedule_hook import NominalScheduleHook

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[2]
FACTS = json.loads((ROOT / 'tests/data/yolov7_w6_pose/schedule.json').read_text())
OPTIM = Config.fromfile(ROOT / 'configs/_base_/schedules/sgd_300e.py').optim_wrapper


def runner_of(model, batch, length=100, epochs=20, optim=OPTIM):
    wrapper = build_optim_wrapper(model, optim.copy())
    return SimpleNamespace(
        model=model, optim_wrapper=wrapper, train_dataloader=Loader(batch, length), max_epochs=epochs
    )


class Loader:
    """The length and the batch size of a data loader."""

    def __init__(self, batch, length):
        self.batch_size, self.length = batch, length

    def __len__(self):
        return self.length


def small():
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


@pytest.mark.parametrize('facts', FACTS['schedule'], ids=lambda facts: str(facts['total_batch']))
def test_published_schedule(facts):
    runner = runner_of(small(), facts['total_batch'], facts['batches_per_epoch'], facts['epochs'])
    hook = NominalScheduleHook()
    hook.before_train(runner)
    groups = runner.optim_wrapper.optimizer.param_groups
    weight, bias, scale, shift = groups
    assert [group['weight_decay'] for group in groups] == pytest.approx([facts['weight_decay'], 0, 0, 0])
    last = 1
    for row in facts['rows']:
        runner.iter = row['iteration']
        hook.before_train_iter(runner, 0)
        assert weight['lr'] == pytest.approx(row['lr_weights'], rel=1e-9, abs=1e-12)
        assert scale['lr'] == pytest.approx(row['lr_norm_and_implicit'], rel=1e-9, abs=1e-12)
        assert bias['lr'] == shift['lr'] == pytest.approx(row['lr_biases'], rel=1e-9)
        assert [group['momentum'] for group in groups] == pytest.approx([row['momentum']] * 4)
        last = row['accumulate'] if isinstance(row['accumulate'], int) else last
        assert runner.optim_wrapper.accumulation == last


def test_published_groups():
    facts, config = (
        FACTS['optimizer_groups'],
        Config.fromfile(ROOT / 'configs/detector/yolov7_w6_pose_coco_images_640x640.py'),
    )
    with torch.device('meta'):
        runner = runner_of(MODELS.build(config.model), 64)
    hook = NominalScheduleHook()
    hook.before_train(runner)
    groups = runner.optim_wrapper.optimizer.param_groups
    biases = [id(group) for group in hook.bias_groups]
    kinds = dict(
        norm_scale_and_implicit=[g for g in groups if not g['weight_decay'] and id(g) not in biases],
        weights=[g for g in groups if g['weight_decay']],
        biases=hook.bias_groups,
    )
    for name, found in kinds.items():
        values = [value for group in found for value in group['params']]
        assert len(values) == facts[name]['tensors'] and sum(value.numel() for value in values) == facts[name]['values']


def test_resuming_changes_nothing():
    runner = runner_of(small(), 16)
    hook = NominalScheduleHook()
    for _ in range(2):  # the second time with groups as a checkpoint has them
        hook.before_train(runner)
        runner.iter = 700
        hook.before_train_iter(runner, 0)
    again = runner_of(small(), 16)
    other = NominalScheduleHook()
    other.before_train(again)
    again.iter = 700
    other.before_train_iter(again, 0)
    keys = ('lr', 'momentum', 'weight_decay')
    found, expected = (
        [[group[key] for key in keys] for group in r.optim_wrapper.optimizer.param_groups] for r in (runner, again)
    )
    assert found == expected


def test_no_warmup():
    hook = NominalScheduleHook(warmup_epochs=0, warmup_iterations=0)
    values = hook.values(0, 10, 5, 4.0, dict(lr=0.1, momentum=0.9))
    assert values == dict(lr=0.1, bias_lr=0.1, momentum=0.9, accumulation=4)


@pytest.mark.parametrize(
    'optim, message',
    [
        (dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9)), 'got OptimWrapper and SGD'),
        (dict(type='NominalBatch', optimizer=dict(type='AdamW', lr=0.1)), 'got NominalBatch and AdamW'),
    ],
)
def test_what_it_needs(optim, message):
    with pytest.raises(ValueError, match=message):
        NominalScheduleHook().before_train(runner_of(small(), 4, optim=Config(dict(o=optim)).o))
