"""One option for the folder of the data, in every config."""

from pathlib import Path

import pytest
from mmengine.config import Config

from hybridkp.engine.data_root import move_data
from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError

CONFIGS = Path(__file__).parents[2] / 'configs'
EXPERIMENTS = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
OLD = dict(
    data_root='data/a/',
    train_dataloader=dict(dataset=dict(data_root='data/a/', files=['data/a/x.json', 'my_data/a/x.json'])),
    val_dataloader=dict(dataset=dict(data_root='data/a/val/')),
    test_evaluator=[dict(ann_file='data/a/test.json', count=3), dict(names=('data/b/', 'data/a/'))],
)


def texts(value):
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize('root', ['/elsewhere', '/elsewhere/'])
def test_what_begins_with_the_folder_moves(root):
    cfg = Config(OLD)
    move_data(cfg, root)
    assert cfg.to_dict() == dict(
        data_root='/elsewhere/',
        train_dataloader=dict(dataset=dict(data_root='/elsewhere/', files=['/elsewhere/x.json', 'my_data/a/x.json'])),
        val_dataloader=dict(dataset=dict(data_root='/elsewhere/val/')),
        test_evaluator=[dict(ann_file='/elsewhere/test.json', count=3), dict(names=('data/b/', '/elsewhere/'))],
    )


@pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda path: path.relative_to(CONFIGS).as_posix())
def test_all_data_of_every_config_move(path):
    old, cfg = load_config(str(path), None, None), load_config(str(path), dict(data_root='/elsewhere'), None)
    assert not [text for text in texts(cfg.to_dict()) if text.startswith(old.data_root)]
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert cfg[name].dataset.data_root == old[name].dataset.data_root.replace(old.data_root, '/elsewhere/')
    assert sum(text.startswith('/elsewhere/') for text in texts(cfg.to_dict())) >= 4


def test_other_options_come_after():
    options = {'data_root': 'b/', 'val_dataloader.dataset.data_root': 'c/', 'model.backbone.variant': 'b'}
    cfg = load_config(str(CONFIGS / 'points/hybridnet_s_pictures_224.py'), options, None)
    assert [cfg[f'{part}_dataloader'].dataset.data_root for part in ('train', 'val')] == ['b/', 'c/']
    assert cfg.model.backbone.variant == 'b' and options['data_root'] == 'b/'


@pytest.mark.parametrize(
    ('content', 'root', 'message'),
    [
        (OLD, 3, 'expected a folder as data_root, got 3'),
        (OLD, '', "expected a folder as data_root, got ''"),
        (dict(a=1), 'b', 'the config has no data_root that could be changed'),
        (dict(data_root=''), 'b', 'the config has no data_root that could be changed'),
        (
            dict(data_root='a/', test_dataloader=dict(dataset=dict(data_root='c/'))),
            'b',
            "data_root=b/ does not reach test_dataloader, whose data_root is 'c/' and not in 'a/'",
        ),
    ],
)
def test_what_cannot_be_moved(content, root, message):
    cfg = Config(content, cfg_text=' ', filename='my.py')
    with pytest.raises(InputError, match=f'^my.py: {message}'):
        move_data(cfg, root)
    assert cfg.to_dict() == content
