"""The benchmark of classification in tiny: both contests, and the verdict on the loader."""

import importlib
from types import SimpleNamespace

import pytest


def test_pretrain(measure, monkeypatch):
    monkeypatch.setattr('os.cpu_count', lambda: 64)
    steps, pipeline = measure('pretrain', '--batch-size', '2', '--samples', '4')
    assert steps['title'] == 'training step, batch 2, 224x224, 1000 classes'
    assert list(steps['runs']) == [
        'hybridkp, hybridnet_s_imagenet_224, fp32',
        'hybridkp, hybridnet_s_imagenet_224, bf16',
        "mmpretrain's resnet18, bf16",
    ]
    assert steps['unit'] == pipeline['unit'] == 'images/s'
    (cores,) = pipeline['facts'].values()
    assert cores >= 1 and cores == int(cores)
    assert 'this machine has 64: the loader keeps up' in pipeline['notes'][-1]


@pytest.mark.parametrize(
    ('there', 'verdict'), [(3, 'the loader is what bounds the training'), (4, 'the loader keeps up')]
)
def test_cores_that_feed_a_step(tool, monkeypatch, there, verdict):
    pretrain, contest = (importlib.import_module(f'benchmarks.{name}') for name in ('pretrain', 'contest'))
    monkeypatch.setattr('os.cpu_count', lambda: there)
    monkeypatch.setattr(pretrain, 'ours_of', lambda cfg, folder: [0])
    monkeypatch.setattr(pretrain, 'theirs_of', lambda folder: [0])
    steps = contest.Contest('steps', dict(slow=abs, fast=abs), {}, items=64)
    steps.seconds = dict(slow=[1.0], fast=[0.2, 0.16, 0.1])  # 400 images/s
    args = SimpleNamespace(images='', samples=10)
    pipeline = pretrain.pipeline_contest(SimpleNamespace(input_size=(224, 224)), args, steps)
    pipeline.seconds = {pretrain.PIPELINE: [0.09]}  # 111 images/s a core
    assert pipeline.conclude(pipeline) == {'cores that feed one step': 4}
    assert pipeline.notes[-1].startswith('4 cores feed one step of fast (400 images/s) at 111 images/s each')
    assert pipeline.notes[-1].endswith(f'this machine has {there}: {verdict}')
