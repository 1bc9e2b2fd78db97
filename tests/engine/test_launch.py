import subprocess
import sys

import pytest
import torch
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool
from hybridkp.errors import InputError

COMPLETE = 'model = dict()\ntrain_dataloader = val_dataloader = test_dataloader = dict()\ndefault_hooks = dict()\n'


@pytest.fixture
def config(tmp_path):
    def write(text=''):
        (tmp_path / 'my.py').write_text(COMPLETE + text)
        return str(tmp_path / 'my.py')

    return write


def test_work_dir_is_said_by_the_argument_the_config_or_the_name(config):
    assert load_config(config('work_dir = "b"'), None, 'a').work_dir == 'a'
    assert load_config(config('work_dir = "b"'), None, None).work_dir == 'b'
    assert load_config(config(), None, None).work_dir == 'work_dirs/my'


def test_options_override(config):
    cfg = load_config(config('train_cfg = dict(a=1)\nx = [dict(y=1)]'), {'train_cfg.a': 2, 'x.0.y': 3}, None)
    assert (cfg.train_cfg.a, cfg.x[0].y) == (2, 3)


def test_options_that_do_not_fit(config):
    with pytest.raises(InputError, match=r'^--cfg-options do not fit config .*my\.py: Index 5 exceeds'):
        load_config(config('x = [1]'), {'x.5.y': 3}, None)
    with pytest.raises(InputError, match=r"unknown key 'train_cgf', did you mean 'train_cfg'"):
        load_config(config(), {'train_cgf.max_epochs': 1}, None)


@pytest.mark.parametrize('text', ['a = (', 'a = b', 'a = 1 / 0', 'a = {}["b"]', 'a = None.b'])
def test_file_that_cannot_be_read(text, config):
    with pytest.raises(InputError, match=r'^config .*my\.py cannot be read: .') as error:
        load_config(config(text), None, None)
    assert '\n' not in str(error.value)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'^config .*a\.py does not exist$'):
        load_config(str(tmp_path / 'a.py'), None, None)
    with pytest.raises(FileNotFoundError):
        load_config(str(tmp_path), None, None)


PARTS = Registry('part')


@PARTS.register_module()
class Part:
    def __init__(self, size):
        if size < 0:
            raise ValueError(f'expected a size above 0,\ngot {size}')
        self.size = size / (size - 1)


@pytest.mark.parametrize(
    'part, says',
    [
        (dict(type='Part', sise=1), "unexpected keyword argument 'sise'"),
        (dict(type='Part'), 'missing 1 required positional argument'),
        (dict(type='Party', size=1), 'Party is not in the hybridkp::part registry$'),
        (dict(type='Part', size=-1), 'expected a size above 0, got -1$'),
    ],
)
def test_error_of_the_config_names_the_config(part, says, config):
    cfg = load_config(config(), None, None)
    with pytest.raises(InputError, match=rf'^config .*my\.py: .*{says}'.replace('hybridkp::part', r'\S+')):
        with explain_errors(cfg):
            PARTS.build(part)


def test_error_of_a_program_keeps_its_traceback(config):
    cfg = load_config(config(), None, None)
    for error in (ValueError('bug'), KeyError('bug'), TypeError('bug'), RuntimeError('bug')):
        with pytest.raises(type(error)) as caught, explain_errors(cfg):
            raise error
        assert caught.value is error
    with pytest.raises(ZeroDivisionError), explain_errors(cfg):
        PARTS.build(dict(type='Part', size=1))
    with pytest.raises(InputError, match='^a.json: wrong$'), explain_errors(cfg):
        raise InputError('a.json: wrong')


def test_several_processes_without_gpus_talk_by_gloo(monkeypatch, config):
    calls = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'init_process_group', calls.append)
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: cfg)
    assert 'model_wrapper_cfg' not in build_runner(load_config(config(), None, None), 'none') and not calls
    cfg = build_runner(load_config(config(), None, None), 'pytorch')
    assert calls == ['gloo'] and cfg.model_wrapper_cfg.device_ids is None and cfg.launcher == 'pytorch'
    with pytest.raises(InputError, match='--launcher slurm needs GPUs, and torch sees none here'):
        build_runner(load_config(config(), None, None), 'slurm')


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise self.error


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('error', [InputError, FileNotFoundError])
def test_mistake_of_the_user_ends_in_one_sentence(error, workers):
    def main(argv):
        assert argv == ['a']
        list(DataLoader(Broken(error('b.png (annotation 3): it is wrong')), num_workers=workers))

    with pytest.raises(SystemExit) as stop:
        run_tool(main, ['a'])
    assert stop.value.code == 'error: b.png (annotation 3): it is wrong'


@pytest.mark.parametrize('error', [ValueError, KeyError, TypeError, RuntimeError])
def test_bug_keeps_its_traceback(error):
    def main(_):
        raise error('bug')

    with pytest.raises(error, match='bug'):
        run_tool(main)


def test_tool_that_works_returns(capsys):
    run_tool(lambda argv: print(argv), ['x'])
    assert capsys.readouterr().out == "['x']\n"


def test_output_that_nobody_reads_any_more_ends_quietly():
    code = 'from hybridkp.engine.launch import run_tool\nrun_tool(lambda _: [print("line") for _ in range(100000)])'
    tool = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tool.stdout.readline()
    tool.stdout.close()
    assert (tool.stderr.read(), tool.wait()) == ('', 1)
