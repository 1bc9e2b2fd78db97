"""Which images a calibration may be fitted to."""

import json

import pytest
import torch
from mmengine.config import Config

from hybridkp.datasets.held_out import check_images, fold_configs, warn_of_trained
from hybridkp.errors import InputError


@pytest.fixture
def config(tmp_path):
    """Makes a config of three annotation files, given the names of their images."""

    def make(**names):
        loaders = {}
        for part, images in names.items():
            path = tmp_path / f'{part}_{"".join(images)}.json'
            path.write_text(json.dumps(dict(images=[dict(file_name=name) for name in images])))
            loaders[f'{part}_dataloader'] = dict(dataset=dict(ann_file=str(path)))
        return Config(loaders)

    return make


@pytest.fixture
def checkpoint(config, tmp_path):
    """Makes a checkpoint that was trained and validated on images of these names."""

    def make(name, train, val):
        cfg = config(train=train, val=val)
        torch.save(dict(state_dict={}, meta=dict(cfg=cfg.pretty_text)), tmp_path / name)
        return str(tmp_path / name)

    return make


def test_tested_images_are_refused_and_trained_images_are_named(config, capsys):
    check_images(config(train='ab', val='cd', test='ef'))
    warn_of_trained(config(train='ab', val='cd', test='ef'))
    assert not capsys.readouterr().out
    warn_of_trained(config(train='abc', val='cd', test='ef'))
    assert 'warning: 1 of 2 images were trained on' in capsys.readouterr().out
    with pytest.raises(InputError, match='share 1 images, the first is .*/d: a test would flatter'):
        check_images(config(train='ab', val='cd', test='de'))


def test_images_that_a_checkpoint_says_it_was_trained_on_are_named(config, checkpoint, tmp_path, capsys):
    cfg = config(train='ab', val='cd', test='ef')
    warn_of_trained(cfg, checkpoint('a.pth', 'acd', 'b'))
    assert 'warning: 2 of 2 images were trained on' in capsys.readouterr().out
    torch.save(dict(weight=torch.zeros(1)), tmp_path / 'bare.pth')
    torch.save(dict(weight=torch.zeros(1)), tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    for unknown in (tmp_path / 'bare.pth', tmp_path / 'old.pth', 'https://example.org/a.pth'):
        warn_of_trained(cfg, str(unknown))
    assert not capsys.readouterr().out


def test_each_fold_has_the_data_of_its_training(config, checkpoint, capsys):
    cfg = config(train='xy', val='z', test='ef')
    folds = fold_configs(cfg, [checkpoint('0.pth', 'ab', 'cd'), checkpoint('1.pth', 'cd', 'ab')])
    files = [[fold[f'{part}_dataloader'].dataset.ann_file[-7:] for part in ('train', 'val', 'test')] for fold in folds]
    assert files == [['ab.json', 'cd.json', 'ef.json'], ['cd.json', 'ab.json', 'ef.json']]
    assert cfg.val_dataloader.dataset.ann_file.endswith('val_z.json') and not capsys.readouterr().out


def test_folds_are_disjoint_and_not_tested_on(config, checkpoint):
    cfg = config(train='xy', val='z', test='ef')
    with pytest.raises(InputError, match='0.pth and .*1.pth were both validated on .*/c'):
        fold_configs(cfg, [checkpoint('0.pth', 'ab', 'cd'), checkpoint('1.pth', 'ab', 'c')])
    with pytest.raises(InputError, match='share 1 images, the first is .*/e'):
        fold_configs(cfg, [checkpoint('0.pth', 'ab', 'cd'), checkpoint('1.pth', 'ab', 'e')])
