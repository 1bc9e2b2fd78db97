"""One option for the folder of the data, and one for each file, in every config."""

from pathlib import Path

import pytest
from mmengine.config import Config

from hybridkp.engine.data_options import follow_files, move_data
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


def test_metrics_and_targets_follow_the_files():
    files = dict(train='block2/train.json', val='block2/val.json', test='other.json')
    options = {f'{part}_dataloader.dataset.ann_file': file for part, file in files.items()}
    readers = load_config(str(CONFIGS / 'landmark/unet_isbi2015_128x128_wide-readers.py'), options, None)
    assert readers.model.head.codec.covariance.ann_file == 'data/isbi2015/block2/train.json'
    mouse = load_config(
        str(CONFIGS / 'animal/hybridnet_s_mirror_mouse_256x256.py'), options | dict(data_root='a'), None
    )
    assert mouse.val_evaluator[0].ann_file == 'a/block2/val.json' and mouse.test_evaluator[0].ann_file == 'a/other.json'
    assert mouse.val_dataloader.dataset.ann_file == 'block2/val.json' and 'ann_file' not in mouse.val_evaluator[1]


def test_a_file_that_validation_and_test_share_is_changed_where_it_is_asked_for():
    options = {'test_dataloader.dataset.ann_file': 'mine.json', 'test_dataloader.dataset.data_root': 'b/'}
    cfg = load_config(str(CONFIGS / 'body/hybridnet_s_coco_sample_256x192.py'), options, None)
    assert cfg.test_evaluator.ann_file == 'b/mine.json'
    assert cfg.val_evaluator.ann_file == cfg.val_dataloader.dataset.data_root + cfg.val_dataloader.dataset.ann_file


def test_what_is_said_of_a_metric_itself_wins():
    options = {'val_dataloader.dataset.ann_file': 'mine.json', 'val_evaluator.0.ann_file': 'theirs.json'}
    cfg = load_config(str(CONFIGS / 'animal/hybridnet_s_mirror_mouse_256x256.py'), options, None)
    assert cfg.val_evaluator[0].ann_file == 'theirs.json'


@pytest.mark.parametrize('content', [OLD, dict(a=1), dict(val_dataloader=None), dict(model=dict(a='data/a/x.json'))])
def test_without_such_options_nothing_changes(content):
    cfg = Config(content)
    follow_files(cfg, {'val_dataloader.batch_size': 3, 'val_dataloader.dataset.ann_file': 'y.json'})
    assert cfg.to_dict() == content
