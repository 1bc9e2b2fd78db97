"""Training in this process: what it leaves behind, and that it can be repeated."""

import json
from pathlib import Path

import pytest
import torch

from hybridkp.engine.mixed_precision import bfloat16_pays


def scalars(work_dir):
    """Read every logged line of training and evaluation, without times."""
    (file,) = Path(work_dir).glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ('time', 'data_time', 'memory', 'eta')} for line in lines]


def load(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def test_training_leaves_the_last_and_the_best_checkpoint(trained):
    names = {path.name for path in trained.work_dir.glob('*.pth')}
    assert 'epoch_2.pth' in names and 'epoch_1.pth' not in names
    (best,) = names - {'epoch_2.pth'}
    errors = {line['step']: line['EPE'] for line in scalars(trained.work_dir) if 'EPE' in line}
    assert len(errors) == 2
    assert best == f'best_EPE_epoch_{min(errors, key=errors.get)}.pth'
    assert not [path for path in trained.work_dir.rglob('*') if path.suffix == '.tmp']


def test_same_seed_gives_the_same_numbers(trained, tiny, call, tmp_path):
    call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work')
    assert scalars(tmp_path / 'work') == scalars(trained.work_dir)
    ours, theirs = load(tmp_path / 'work/epoch_2.pth')['state_dict'], load(trained.checkpoint)['state_dict']
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_mixed_precision_trains_on_every_device(trained, tiny, call, tmp_path):
    options = ('--amp', '--cfg-options', 'train_cfg.max_epochs=1')
    call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', *options)
    mixed, full = (scalars(folder)[0]['loss'] for folder in (tmp_path / 'work', trained.work_dir))
    assert (mixed != full) == bfloat16_pays('cpu') and mixed == pytest.approx(full, rel=0.02)


def test_another_seed_gives_others(trained, tiny, call, tmp_path):
    options = ('--cfg-options', 'randomness.seed=1', 'train_cfg.max_epochs=1')
    call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', *options)
    assert scalars(tmp_path / 'work')[0]['loss'] != scalars(trained.work_dir)[0]['loss']


@pytest.mark.parametrize('measure, rule, pick', [('EPE', 'less', min), ('coco/AR', 'greater', max)])
def test_best_is_said_by_the_config(measure, rule, pick, tiny, call, tmp_path):
    hook = f"default_hooks['checkpoint'].update(save_best={measure!r}, rule={rule!r})"
    call('train', tiny(tmp_path, more=hook), '--work-dir', tmp_path / 'work')
    lines = [line for line in scalars(tmp_path / 'work') if measure in line]
    best = pick(lines, key=lambda line: line[measure])
    assert [path.stem for path in (tmp_path / 'work').glob('best_*')] == [
        f'best_{measure.replace("/", "_")}_epoch_{best["step"]}'
    ]


def test_fine_tuning_takes_the_part_that_fits(trained, tiny, call, tmp_path):
    other_head = "model = dict(head=dict(codec=dict(_delete_=True, type='IsotropicHeatmap', sigma=4.0)))"
    options = (f'load_from={trained.checkpoint}', 'train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=1e-9')
    call('train', tiny(tmp_path, more=other_head), '--work-dir', tmp_path / 'work', '--cfg-options', *options)
    ours, theirs = load(tmp_path / 'work/epoch_1.pth')['state_dict'], load(trained.checkpoint)['state_dict']
    assert set(theirs) - set(ours) == {'head.codec.covariance.cholesky'}
    key = 'backbone.stem.0.conv.weight'
    torch.testing.assert_close(ours[key], theirs[key])


@pytest.mark.parametrize('options, ratio', [((), 1), (('--auto-scale-lr',), 4 / 8)])
def test_learning_rate_scales_with_the_batch(options, ratio, tiny, call, tmp_path):
    # 4 images a step, and the rate of the config is for 8
    constant = "param_scheduler = [dict(type='ConstantLR', factor=1.0)]"
    arguments = ('--cfg-options', 'train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0.004')
    call('train', tiny(tmp_path, more=constant), '--work-dir', tmp_path / 'work', *options, *arguments)
    assert load(tmp_path / 'work/epoch_1.pth')['optimizer']['param_groups'][0]['lr'] == 0.004 * ratio


def test_accumulation_makes_fewer_steps(tiny, call, tmp_path):
    options = ('train_cfg.max_epochs=1', 'train_dataloader.batch_size=2', 'optim_wrapper.accumulative_counts=2')
    call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', '--cfg-options', *options)
    content = load(tmp_path / 'work/epoch_1.pth')
    assert content['meta']['iter'] == 4
    assert {int(state['step']) for state in content['optimizer']['state'].values()} == {2}


def test_progress_replaces_the_log_on_the_screen(tiny, call, tmp_path, capfd):
    call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', '--progress')
    err = capfd.readouterr().err
    assert 'epoch 1/2' in err and 'epoch 2/2' in err
    assert 'Epoch(train)' not in err
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert 'Epoch(train)  [2][2/2]' in log.read_text() or 'Epoch(train) [2][2/2]' in log.read_text()


def test_optimizer_wrapper_needs_no_type(tiny, call, tmp_path):
    more = "optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.01))"
    call('train', tiny(tmp_path, more=more), '--work-dir', tmp_path / 'work', '--cfg-options', 'train_cfg.max_epochs=1')
    assert (tmp_path / 'work/epoch_1.pth').is_file()
