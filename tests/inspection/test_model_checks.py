"""What a training step tells."""

import dataclasses
import math

import pytest
import torch
from mmengine.config import Config

from hybridkp.inspection import model_checks
from hybridkp.inspection.model_checks import check_disk, check_memory, check_speed, check_step, memory_of, training_time
from hybridkp.inspection.training_step import TrainingStep

STEP = TrainingStep(batch=4, losses=dict(loss=1.0), untrained=[], broken=[], seconds=0.4, fixed=10**9, per_sample=10**8)


def step(**changes):
    return dataclasses.replace(STEP, **changes)


def test_steps():
    assert [str(f) for f in check_step(STEP)] == ['ok    a training step on 4 samples: loss 1']
    (finding,) = check_step(step(losses=dict(loss=math.nan)))
    assert finding.level == 'FAIL' and 'not finite: loss nan' in finding.what
    (finding,) = check_step(step(broken=['a', 'b']))
    assert finding.level == 'FAIL' and 'gradients of 2 parameters' in finding.what
    _, finding = check_step(step(untrained=['a']))
    assert finding.level == 'warn' and 'got no gradient: a' in finding.what


def test_memory():
    assert (
        check_memory(STEP, 64, 10 * 10**9, 'this GPU').what
        == 'a batch of 64 takes at least 7.4 GB of 10 GB of this GPU'
    )
    finding = check_memory(STEP, 128, 10 * 10**9, 'this GPU')  # 13.8 GB; 70 samples fill 8 GB
    assert finding.level == 'warn' and 'batch_size to at most 70' in finding.mend
    size, name = memory_of(torch.device('cpu'))
    assert size > 10**8 and name == 'this CPU'


@pytest.mark.parametrize(
    'seconds, workers, cores, level, says',
    [
        (0.1, 1, 8, 'ok', 'makes 10 images/s (1 of 8 cores), the network takes 10 images/s: not bound'),
        (0.2, 1, 8, 'warn', 'the network waits 50.0 % of the time'),
        (0.2, 4, 8, 'ok', '20 images/s'),
        (0.2, 4, 1, 'warn', '5 images/s (1 of 1 cores)'),
        (0.2, 0, 8, 'warn', '5 images/s (1 of 8 cores)'),
    ],
)
def test_loader_and_network(seconds, workers, cores, level, says):
    finding = check_speed(STEP, seconds, workers, cores)
    assert finding.level == level and says in finding.what
    if level == 'warn':
        assert finding.mend.startswith(
            'set train_dataloader.num_workers to 2' if cores > 1 else 'it would take 2 cores'
        )


@pytest.mark.parametrize(
    'seconds, workers, samples, says',
    [
        (0.1, 2, 600, '60 seconds'),  # 0.1 s a sample of the network, 0.05 s of the loader
        (0.4, 2, 600, '2.0 minutes'),
        (0.1, 0, 600, '2.0 minutes'),
        (0.1, 2, 360000, '10.0 hours'),
        (0.1, 2, 36 * 24 * 5000, '5.0 days'),
    ],
)
def test_time(seconds, workers, samples, says):
    finding = training_time(STEP, seconds, workers, samples, 'this CPU')
    assert finding.level == 'ok' and f'takes about {says} on this CPU' in finding.what
    assert training_time(STEP, seconds, workers, samples * 50000, 'this CPU').level == 'warn'


def test_disk(tmp_path, monkeypatch):
    hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=3))
    cfg = Config(dict(work_dir=str(tmp_path / 'not/there'), default_hooks=hooks, train_cfg=dict(max_epochs=100)))
    usage = type('Usage', (), dict(free=7 * 10**9))
    monkeypatch.setattr(model_checks.shutil, 'disk_usage', lambda folder: usage)
    assert check_disk(STEP, cfg).what.startswith('5 checkpoints take about 5 GB, 7 GB are free')
    cfg.default_hooks.checkpoint.max_keep_ckpts = -1
    assert check_disk(STEP, cfg).level == 'FAIL'  # 10 and 2 more
