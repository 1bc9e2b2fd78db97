"""Model, data sets and a training step of a config."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from hybridkp.inspection.data_part import data_parts
from hybridkp.inspection.model_examination import batch_of, examine_model

ROOT = Path(__file__).parents[2]
CPU = torch.device('cpu')


@pytest.fixture
def cfg(monkeypatch, mmpose_scope, tmp_path):
    """The mouse at 64x64."""
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py')
    for use in ('train', 'val', 'test'):
        (crop,) = (step for step in cfg[f'{use}_dataloader'].dataset.pipeline if step.type == 'TopdownAffine')
        crop.input_size = (64, 64)
    cfg.work_dir = str(tmp_path / 'work')
    return cfg


def examine(cfg, checkpoint=None, parts=1):
    return [(f.level, f.what) for f in examine_model(cfg, data_parts(cfg)[:parts], 4, CPU, checkpoint)]


def test_everything_is_right(cfg):
    found = examine(cfg, parts=2)
    assert {level for level, _ in found} <= {'ok', 'warn'}
    starts = [
        'train: ', 'train: targets of', 'a training step on 4 samples', 'a batch of 8 takes', 'the pipeline makes',
        'training on 8640 samples', '3 checkpoints take', 'val: ', 'val: targets of',
    ]  # fmt: skip
    assert len(found) == len(starts)
    assert all(what.startswith(start) for (_, what), start in zip(found, starts, strict=True))


@pytest.mark.parametrize(
    'break_it, says',
    [
        (lambda c: c.model.backbone.update(type='HybridNett'), 'the model cannot be built: KeyError'),
        (lambda c: c.model.head.codec.update(stride=2), 'a training step on 4 samples fails: ValueError: the maps are'),
        (lambda c: c.model.head.update(num_keypoints=16), 'targets cannot be made'),
        (lambda c: c.optim_wrapper.optimizer.update(type='Adamm'), 'a training step on 4 samples fails: TypeError'),
        (lambda c: c.train_dataloader.dataset.update(pipeline=[dict(type='ReadImag')]), 'the data set cannot be built'),
        (lambda c: c.train_dataloader.dataset.pipeline.pop(1), 'train: the pipeline fails'),
        (lambda c: c.train_dataloader.dataset.update(data_prefix=dict(img='no/')), 'the pipeline fails: FileNotFound'),
        (lambda c: c.optim_wrapper.optimizer.update(lr=-1), 'fails: ValueError: Invalid learning rate'),
    ],
)
def test_what_is_wrong_is_said(break_it, says, cfg):
    break_it(cfg)
    failures = [what for level, what in examine(cfg) if level == 'FAIL']
    assert failures and says in failures[0]


def test_checkpoints(cfg, tmp_path):
    from mmpose.registry import MODELS

    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'good.pth')
    torch.save(dict(state_dict=torch.nn.Linear(2, 3).state_dict()), tmp_path / 'other.pth')
    assert examine(cfg, str(tmp_path / 'good.pth'), parts=0) == [
        ('ok', f'checkpoint {tmp_path}/good.pth fits the model')
    ]
    ((level, what),) = examine(cfg, str(tmp_path / 'other.pth'), parts=0)
    assert level == 'FAIL' and 'is of another model' in what
    cfg.load_from = str(tmp_path / 'nowhere.pth')
    assert [level for level, _ in examine(cfg, str(tmp_path / 'good.pth'), parts=0)] == ['ok', 'FAIL']


def test_samples_of_a_step(cfg):
    assert batch_of(cfg, CPU) == 4 and batch_of(cfg, torch.device('cuda')) == 8
    cfg.train_dataloader.batch_size = 2
    assert batch_of(cfg, CPU) == 2
