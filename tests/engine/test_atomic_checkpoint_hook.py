"""An older checkpoint goes only after its successor is complete, and a resumed training knows the best score."""

import types

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn

from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.atomic_checkpoint_hook import AtomicCheckpointHook
from hybridkp.engine.checkpoint import latest_checkpoint


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def train_step(self, data, optim_wrapper):
        return {}

    def val_step(self, data):
        return data


@pytest.fixture
def train(tmp_path, mmpose_scope):
    """Train for as many epochs as there are scores; gives the runner."""

    def run(scores, folder='work', done=0, interval=1, **more):
        hook = dict(
            type='AtomicCheckpointHook', interval=interval, max_keep_ckpts=1, save_best='a/score', rule='greater'
        )
        loader = dict(dataset=[0], sampler=dict(type='DefaultSampler'), batch_size=1)
        evaluator = Evaluator([])
        remaining = list(scores)
        evaluator.evaluate = lambda size: {'a/score': remaining.pop(0)}
        evaluator.process = lambda **_: None
        runner = Runner(
            Model(),
            str(tmp_path / folder),
            train_dataloader=loader,
            val_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=done + len(scores), val_interval=1),
            val_cfg={},
            val_evaluator=evaluator,
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_hooks=dict(checkpoint=hook),
            default_scope='mmpose',
            log_level='ERROR',
            experiment_name=f'{tmp_path.name}_{folder}_{done}_{id(remaining)}',
            **more,
        )
        runner.train()
        return runner

    return run


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_last_and_best_are_kept(train, tmp_path):
    train([0.1, 0.5, 0.3])
    assert names(tmp_path / 'work') == ['best_a_score_epoch_2.pth', 'epoch_3.pth']


def test_a_training_that_is_stopped_early_leaves_its_last_checkpoint(train, tmp_path):
    stop = dict(type='mmengine.EarlyStoppingHook', monitor='a/score', rule='greater', patience=2)
    train([0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8], interval=2, custom_hooks=[stop])
    assert names(tmp_path / 'work') == ['best_a_score_epoch_1.pth', 'epoch_3.pth']
    content = torch.load(tmp_path / 'work/epoch_3.pth', weights_only=False)
    assert content['meta']['epoch'] == 3 and latest_checkpoint(tmp_path / 'work').endswith('epoch_3.pth')


@pytest.mark.parametrize('failing, left', [
    ('epoch_2.pth', ['best_a_score_epoch_1.pth', 'epoch_1.pth']),
    ('best_a_score_epoch_2.pth', ['best_a_score_epoch_1.pth', 'epoch_2.pth']),
])  # fmt: skip
def test_predecessor_is_there_until_the_successor_is_complete(failing, left, train, tmp_path, monkeypatch):
    put = AtomicBackend.put

    def fail(self, content, path):
        if str(path).endswith('/' + failing):
            raise KeyboardInterrupt
        put(self, content, path)

    monkeypatch.setattr(AtomicBackend, 'put', fail)
    with pytest.raises(KeyboardInterrupt):
        train([0.1, 0.5, 0.3])
    assert names(tmp_path / 'work') == left
    assert latest_checkpoint(tmp_path / 'work').endswith(left[1])
    for name in left:
        torch.load(tmp_path / 'work' / name, weights_only=False)


def test_checkpoints_are_written_by_the_atomic_backend(train, tmp_path, monkeypatch):
    put, written = AtomicBackend.put, []

    def note(self, content, path):
        written.append(str(path).split('/')[-1])
        put(self, content, path)

    monkeypatch.setattr(AtomicBackend, 'put', note)
    train([0.1])
    assert {'epoch_1.pth', 'best_a_score_epoch_1.pth'} <= set(written)


def resume(train, tmp_path, scores, done, folder='work', checkpoint=None):
    checkpoint = checkpoint or str(tmp_path / 'work' / f'epoch_{done}.pth')
    return train(scores, done=done, folder=folder, load_from=checkpoint, resume=True)


def best_score(runner):
    return runner.message_hub.get_info('best_score')


def test_resumed_training_knows_the_best_score_of_the_last_evaluation(train, tmp_path):
    train([0.1, 0.5])
    runner = resume(train, tmp_path, [0.3], done=2)
    assert best_score(runner) == 0.5
    assert names(tmp_path / 'work') == ['best_a_score_epoch_2.pth', 'epoch_3.pth']
    assert best_score(resume(train, tmp_path, [0.6], done=3)) == 0.6
    assert names(tmp_path / 'work') == ['best_a_score_epoch_4.pth', 'epoch_4.pth']


def test_resume_into_another_folder_removes_nothing(train, tmp_path):
    train([0.1, 0.5])
    runner = resume(train, tmp_path, [0.6, 0.7], done=2, folder='other')
    assert names(tmp_path / 'work') == ['best_a_score_epoch_2.pth', 'epoch_2.pth']
    assert names(tmp_path / 'other') == ['best_a_score_epoch_4.pth', 'epoch_4.pth']
    assert best_score(runner) == 0.7


def test_evaluation_without_training_changes_nothing():
    AtomicCheckpointHook().after_val_epoch(types.SimpleNamespace(), {'a/score': 1.0})
