import io
import logging
import types

import pytest
from rich.console import Console

from hybridkp.engine.progress_bar_hook import ProgressBarHook


@pytest.fixture
def runner(tmp_path):
    logger = logging.Logger('progress')
    logger.addHandler(logging.StreamHandler())
    logger.addHandler(logging.FileHandler(tmp_path / 'a.log'))
    loss = types.SimpleNamespace(mean=lambda window: 0.125)
    hub = types.SimpleNamespace(get_scalar=lambda name: {'train/loss': loss}[name])
    return types.SimpleNamespace(logger=logger, max_epochs=2, epoch=0, message_hub=hub)


def play(hook, runner):
    hook.before_train(runner)
    for epoch in (1, 2):
        hook.after_train_epoch(runner)
        runner.epoch = epoch
        hook.after_val_epoch(runner, {'coco/AP': epoch / 4, 'EPE': 3.0})
    hook.after_train(runner)


def hook_on(terminal):
    hook = ProgressBarHook()
    hook.console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    return hook


def test_one_line_an_evaluation_where_there_is_no_terminal(runner):
    hook = hook_on(terminal=False)
    play(hook, runner)
    lines = hook.console.file.getvalue().splitlines()
    assert [line for line in lines if line] == ['epoch 1/2  coco/AP 0.250', 'epoch 2/2  coco/AP 0.500']


def test_a_bar_with_loss_and_score_on_a_terminal(runner):
    hook = hook_on(terminal=True)
    play(hook, runner)
    (*_, bar, _) = hook.console.file.getvalue().splitlines()
    assert 'training  loss 0.125  coco/AP 0.250' in bar and '2/2 epochs' in bar


def test_the_log_goes_on_in_its_file_only(runner):
    play(hook_on(terminal=False), runner)
    screen, file = runner.logger.handlers
    assert screen.level == logging.WARNING and file.level == logging.NOTSET


def test_a_resumed_training_begins_where_it_was(runner):
    hook, runner.epoch = hook_on(terminal=False), 1
    hook.before_train(runner)
    assert hook.progress.tasks[0].completed == 1


def test_only_the_main_process_shows_it(runner, monkeypatch):
    monkeypatch.setattr('hybridkp.engine.progress_bar_hook.is_main_process', lambda: False)
    hook = hook_on(terminal=False)
    play(hook, runner)
    assert hook.console.file.getvalue() == ''


def test_evaluation_without_training_shows_nothing(runner):
    hook = hook_on(terminal=False)
    hook.after_val_epoch(runner, {'coco/AP': 1.0})
    assert hook.console.file.getvalue() == ''
