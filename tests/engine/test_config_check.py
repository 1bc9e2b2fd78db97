import pytest
from mmengine.config import Config

from hybridkp.engine.config_check import check_config, runner_keys
from hybridkp.errors import InputError

COMPLETE = dict.fromkeys(('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'default_hooks'), {})


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A file a.py, which a config has to be able to read."""
    (tmp_path / 'a.py').touch()
    monkeypatch.chdir(tmp_path)


def config(**changes):
    return Config(COMPLETE | changes, filename='a.py')


def test_keys_are_those_that_the_runner_reads():
    keys = runner_keys()
    assert {'model', 'work_dir', 'train_cfg', 'custom_hooks', 'env_cfg', 'randomness', 'resume'} <= keys
    assert {'default_scope', 'custom_imports', 'auto_scale_lr'} <= keys
    assert not {'self', 'cfg'} & keys


@pytest.mark.parametrize(
    'wrong, meant',
    [
        ('train_clg', 'train_cfg'),
        ('modell', 'model'),
        ('custom_hook', 'custom_hooks'),
        ('val_evaluater', 'val_evaluator'),
        ('optim_wraper', 'optim_wrapper'),
        ('defualt_scope', 'default_scope'),
        ('auto_scale_rl', 'auto_scale_lr'),
    ],
)
def test_misspelt_key_is_named_with_the_one_that_was_meant(wrong, meant):
    with pytest.raises(InputError, match=f"^a.py: unknown key '{wrong}', did you mean '{meant}'\\?$"):
        check_config(config(**{wrong: 1}))


def test_keys_of_the_author_are_free():
    check_config(config(crop=1, people=2, data_root=3, num_keypoints=4, read=5, pack=6, frames=7, skeleton=8))


@pytest.mark.parametrize('key', COMPLETE)
def test_what_is_missing_is_named(key):
    with pytest.raises(InputError, match=f"^a.py: the config has no '{key}'$"):
        check_config(config(**{key: None}))


def test_default_hook_without_a_type_is_named():
    check_config(config(default_hooks=dict(timer=dict(type='IterTimerHook'), logger=None)))
    with pytest.raises(InputError, match="^a.py: default_hooks has no 'type' for 'chekpoint', is it misspelt\\?$"):
        check_config(config(default_hooks=dict(chekpoint=dict(interval=1))))
