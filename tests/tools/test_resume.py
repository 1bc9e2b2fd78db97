"""Going on after a kill: a broken training ends where an unbroken one does."""

import json
import time
import types
from pathlib import Path

import pytest
import torch

EPOCHS = 12


def lines(run):
    """Read what one start of the training logged."""
    file = Path(run) / 'vis_data/scalars.json'
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def load(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def runs(work_dir):
    return sorted(path for path in Path(work_dir).glob('2*') if path.is_dir())


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory, tiny, call):
    folder = tmp_path_factory.mktemp('unbroken')
    config = tiny(folder, more=f"train_cfg = dict(max_epochs={EPOCHS}, val_interval=1, type='EpochBasedTrainLoop')")
    call('train', config, '--work-dir', folder / 'work')
    return types.SimpleNamespace(config=config, work_dir=folder / 'work')


@pytest.fixture(scope='module')
def broken(unbroken, command, call, tmp_path_factory):
    """The same training, killed in its fourth epoch or a little later, then resumed."""
    work_dir = tmp_path_factory.mktemp('broken') / 'work'
    process = command('train.py', unbroken.config, '--work-dir', work_dir)
    started = time.monotonic()
    while not any(line.get('epoch', 0) > 3 for run in runs(work_dir) for line in lines(run)):
        assert process.poll() is None and time.monotonic() - started < 120
        time.sleep(0.01)
    process.kill()
    process.communicate()
    (left,) = work_dir.glob('epoch_*.pth')
    (work_dir / f'.epoch_{EPOCHS}.pth.1.tmp').write_bytes(left.read_bytes()[:9999])
    time.sleep(1.1 - time.time() % 1)  # the runs are told apart by the second of their start
    call('train', unbroken.config, '--work-dir', work_dir, '--resume')
    return types.SimpleNamespace(work_dir=work_dir, epoch=int(left.stem.split('_')[1]))


def test_it_was_broken_in_the_middle(broken):
    assert 3 <= broken.epoch < EPOCHS and len(runs(broken.work_dir)) == 2


def test_training_goes_on_at_the_next_epoch_with_the_same_rates_and_losses(broken, unbroken):
    _, second = runs(broken.work_dir)
    ours = {line['step']: line for line in lines(second) if 'loss' in line}
    theirs = {line['step']: line for line in lines(runs(unbroken.work_dir)[0]) if 'loss' in line}
    assert set(ours) == set(range(2 * broken.epoch + 1, 2 * EPOCHS + 1))
    for step, line in ours.items():
        assert (line['epoch'], line['lr']) == (theirs[step]['epoch'], theirs[step]['lr'])
        assert line['loss'] == pytest.approx(theirs[step]['loss'], rel=1e-4)


def test_it_ends_with_the_same_model_and_optimizer(broken, unbroken):
    ours, theirs = (load(run.work_dir / f'epoch_{EPOCHS}.pth') for run in (broken, unbroken))
    for key, value in theirs['state_dict'].items():
        torch.testing.assert_close(ours['state_dict'][key], value, rtol=1e-3, atol=1e-5, msg=key)
    assert {int(state['step']) for state in ours['optimizer']['state'].values()} == {2 * EPOCHS}
    assert ours['optimizer']['param_groups'][0]['lr'] == theirs['optimizer']['param_groups'][0]['lr']
    assert ours['meta']['epoch'] == EPOCHS


def test_best_score_is_that_of_both_parts(broken):
    scores = {line['step']: line['EPE'] for run in runs(broken.work_dir) for line in lines(run) if 'EPE' in line}
    (best,) = broken.work_dir.glob('best_*')
    assert best.stem == f'best_EPE_epoch_{min(scores, key=scores.get)}'
    assert load(best)['message_hub']['runtime_info']['best_score'] == pytest.approx(min(scores.values()))


def test_only_the_last_checkpoint_is_kept(broken):
    assert [path.name for path in broken.work_dir.glob('epoch_*')] == [f'epoch_{EPOCHS}.pth']


def test_resume_from_a_file_leaves_its_folder_alone(trained, call, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in trained.work_dir.rglob('*')}
    options = ('--cfg-options', 'train_cfg.max_epochs=4')
    call('train', trained.config, '--work-dir', tmp_path, '--resume', trained.checkpoint, *options)
    assert {path: path.stat().st_mtime_ns for path in trained.work_dir.rglob('*')} == before
    assert [line['epoch'] for line in lines(runs(tmp_path)[0]) if 'loss' in line] == [3, 3, 4, 4]
    assert {int(state['step']) for state in load(tmp_path / 'epoch_4.pth')['optimizer']['state'].values()} == {8}


def test_resume_of_nothing_starts_anew(trained, call, tmp_path):
    call('train', trained.config, '--work-dir', tmp_path, '--resume', '--cfg-options', 'train_cfg.max_epochs=1')
    assert [line['epoch'] for line in lines(runs(tmp_path)[0]) if 'loss' in line] == [1, 1]
