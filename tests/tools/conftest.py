"""Tiny configs on the bundled data, and the tools run as a user runs them; always on the CPU."""

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.visualization import Visualizer

from hybridkp.engine.launch import run_tool

ROOT = Path(__file__).parents[2]
MOUSE = ROOT / 'tests/data/mirror_mouse'
COCO = ROOT / 'tests/data/coco'
LOADER = """
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
crop = dict(type='TopdownAffine', input_size=(64, 64))
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs')]
loader = dict(num_workers=0, persistent_workers=False)
"""
TINY = """
_base_ = {base!r}
{loader}
data = dict(data_root={root!r}, pipeline=[*read, crop, *pack])
train_dataloader = dict(**loader, batch_size=4, dataset=dict(**data, ann_file={train!r}))
val_dataloader = dict(**loader, batch_size=4, dataset=dict(**data, ann_file={val!r}))
test_dataloader = dict(**loader, batch_size=4, dataset=dict(**data, ann_file={val!r}))
val_evaluator = [dict(type='CocoMetric', ann_file={val!r}), dict(type='EPE')]
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=2, start_factor=0.1, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, end=12, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=1), logger=dict(interval=1))
{more}
"""
RUN = {'side', 'median', 'low', 'high', 'rounds'}
"""What the benchmark says of each run."""
CPU = {'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}


@pytest.fixture(scope='module', autouse=True)
def quick():
    """Train on the CPU, also where there is a GPU, on one thread, and keep configs from being made to look nice."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.device.utils.DEVICE', 'cpu')
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def frames():
    """Write the first frames of a bundled annotation file to a file of their own."""

    def write(path, count=8, source='train'):
        content = json.loads((MOUSE / f'{source}.json').read_text())
        content['images'] = content['images'][:count]
        ids = {image['id'] for image in content['images']}
        content['annotations'] = [entry for entry in content['annotations'] if entry['image_id'] in ids]
        Path(path).write_text(json.dumps(content))
        return str(path)

    return write


@pytest.fixture(scope='session')
def tiny(frames):
    """Write a config of HybridNet-s at 64x64: 8 frames to train on, 9 to measure on, 2 epochs of 2 steps."""

    def write(folder, train=None, val=MOUSE / 'val.json', more='', root=MOUSE):
        folder.mkdir(exist_ok=True)
        path = folder / 'tiny.py'
        names = dict(
            base=str(ROOT / 'configs/animal/hybridnet_s_mirror_mouse_256x256.py'),
            train=train or frames(folder / 'tiny_frames.json'),
            val=str(val),
        )
        path.write_text(TINY.format(**names, loader=LOADER, root=str(root), more=more))
        return str(path)

    return write


@pytest.fixture(scope='session')
def load_tool():
    """Import a tool by its name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f'tools_{name}', ROOT / f'tools/{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope='session')
def call(load_tool):
    """Call a tool as a user does, in this process: ``call('train', CONFIG, ...)``."""

    def run(tool, *arguments):
        for manager in (MMLogger, MessageHub, Visualizer):
            manager._instance_dict.clear()  # they are found by the second of the start, and calls may share one
        run_tool(load_tool(tool).main, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope='session')
def command(tmp_path_factory):
    """Start a tool or a script of the project in a process of its own; what `quick` does holds there as well."""
    site = tmp_path_factory.mktemp('site')
    unformatted = 'from yapf.yapflib import yapf_api\nyapf_api.FormatCode = lambda text, **_: (text, True)\n'
    (site / 'sitecustomize.py').write_text(unformatted)

    def start(name, *arguments, cwd=ROOT, **environment):
        prefix = [sys.executable] if name.endswith('.py') else ['bash']
        return subprocess.Popen(
            [*prefix, str(ROOT / 'tools' / name), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **CPU, 'PYTHONPATH': str(site), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
        )

    return start


@pytest.fixture(scope='module')
def trained(tmp_path_factory, tiny, call):
    """A tiny config and its work dir after 2 epochs; not to be written to."""
    folder = tmp_path_factory.mktemp('trained')
    config, work_dir = tiny(folder), folder / 'work'
    call('train', config, '--work-dir', work_dir)
    return types.SimpleNamespace(config=config, work_dir=work_dir, checkpoint=work_dir / 'epoch_2.pth')


@pytest.fixture(scope='module')
def tool():
    """The benchmark, with measurements as short as they can be; the process stays as it was."""
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cudnn, 'benchmark', False)
        patch.syspath_prepend(ROOT / 'tools')
        module = importlib.import_module('benchmark')
        patch.setattr('benchmarks.contest.SHORTEST', 0)
        yield module
    torch.set_num_threads(threads)
    cv2.setNumThreads(cv2_threads)


@pytest.fixture
def measure(tool, tmp_path, capsys):
    """Run a sub-command and return its contests by title's first words, after checking what all have in common."""

    def run(command, *arguments):
        path = tmp_path / 'results' / f'{command}.json'
        tool.main([command, '--repeats', '2', '--threads', '1', '--json', str(path), *arguments])
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        content = json.loads(path.read_text())
        assert content['command'] == command
        assert (content['device'][-3:], content['threads'], content['repeats']) == ('CPU', 1, 2)
        assert {'hybridkp', 'mmpose', 'torch'} <= set(content['versions'])
        printed = capsys.readouterr().out
        for contest in content['contests']:
            check_contest(contest, printed)
        return content['contests']

    return run


def check_contest(contest, printed):
    assert contest['title'] in printed and contest['notes']
    sides = {name: run['side'] for name, run in contest['runs'].items()}
    assert set(sides.values()) == {'ours', 'theirs'}
    for run in contest['runs'].values():
        assert set(run) >= RUN and len(run['rounds']) == 2
        assert 0 < run['low'] <= run['median'] <= run['high']
    for ratio in contest['ratios']:
        assert (sides[ratio['ours']], sides[ratio['theirs']]) == ('ours', 'theirs')
        assert 0 < ratio['low'] <= ratio['median'] <= ratio['high']
        assert f'times as fast as {ratio["theirs"]}' in printed
