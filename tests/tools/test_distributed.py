"""Three processes on the CPU do what one does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

GRADIENTS = """
import torch
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import hybridkp.plugin

init_default_scope('mmpose')
torch.distributed.init_process_group('gloo')
torch.set_num_threads(1)
rank = torch.distributed.get_rank()
torch.manual_seed(0)
estimator = MODELS.build(Config.fromfile({config!r}).model)
with torch.no_grad():
    estimator.head.final_layer.weight.normal_(std=0.1)
for module in estimator.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.eval()
inputs, points = torch.randn(12, 3, 64, 64), torch.rand(12, 1, 17, 2) * 64
weights = (torch.rand(12, 1, 17) < torch.linspace(0.1, 1, 12)[:, None, None]).float()
samples = []
for i in range(12):
    samples.append(PoseDataSample(metainfo=dict(input_size=(64, 64))))
    samples[-1].gt_instance_labels = InstanceData(keypoint_labels=points[i], keypoint_weights=weights[i])


def gradients(model, part):
    estimator.zero_grad()
    loss, _ = estimator.parse_losses(model(inputs[part], samples[part], mode='loss'))
    loss.backward()
    return {{name: parameter.grad.clone() for name, parameter in estimator.named_parameters()}}


def after_step(count, *parts):
    state = {{name: value.clone() for name, value in estimator.state_dict().items()}}
    estimator.zero_grad()
    optimizer = OptimWrapper(torch.optim.SGD(estimator.parameters(), lr=1.0), accumulative_counts=count)
    optimizer.initialize_count_status(estimator, 0, len(parts))
    for part in parts:
        with optimizer.optim_context(estimator):
            loss, _ = estimator.parse_losses(estimator(inputs[part], samples[part], mode='loss'))
        optimizer.update_params(loss)
    steps = {{name: value.detach() - state[name] for name, value in estimator.named_parameters()}}
    estimator.load_state_dict(state)
    return steps


def assert_equal(found, expected):
    for name in expected:
        error = (found[name] - expected[name]).norm() / expected[name].norm()
        assert error < 1e-3, f'{{name}}: {{error}}'


alone = gradients(estimator, slice(0, 12))
together = gradients(
    MMDistributedDataParallel(estimator, device_ids=None, broadcast_buffers=False), slice(4 * rank, 4 * rank + 4)
)
assert len({{int(weights[4 * r : 4 * r + 4].sum()) for r in range(3)}}) == 3
assert alone['head.codec.covariance.cholesky'].abs().min() > 0
assert_equal(together, alone)
assert_equal(after_step(2, slice(0, 6), slice(6, 12)), after_step(1, slice(0, 12)))
print('equal', flush=True)
torch.distributed.destroy_process_group()
"""

ROOT = Path(__file__).parents[2]
DETECTOR_BASE = 'yolov7_n_pose_coco_sample_images_320x320.py'
DETECTOR = """
_base_ = {base!r}
widths = (8, 8, 8, 8)
model = dict(
    backbone=dict(stem=4, stages=[(4, 4), (8, 4), (8, 4), (8, 4), (8, 4)]),
    neck=dict(in_channels=widths, channels=[4] * 4, out_channels=widths),
    head=dict(in_channels=widths),
    test_cfg=dict(max_people=10),
)
where = dict(data_root={root!r})
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset=where)
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=where)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=where['data_root'] + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1, val_interval=1)
"""


@pytest.fixture
def port():
    """A port that is free."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))
        return str(bound.getsockname()[1])


@pytest.fixture
def ten(tiny, frames, tmp_path):
    """A tiny config that measures on 10 frames."""
    return tiny(tmp_path, val=frames(tmp_path / 'ten.json', count=10))


def test_training_and_evaluation(ten, command, port, tmp_path):
    options = ('--cfg-options', 'train_dataloader.batch_size=2', 'optim_wrapper.optimizer.lr=0.004')
    process = command(
        'dist_train.sh', ten, 3, '--work-dir', tmp_path / 'w', '--auto-scale-lr', *options, cwd=tmp_path, PORT=port
    )
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    assert {path.name for path in (tmp_path / 'w').glob('epoch_*')} == {'epoch_2.pth'}
    assert len(list((tmp_path / 'w').glob('best_EPE_*'))) == 1
    (file,) = (tmp_path / 'w').glob('*/vis_data/scalars.json')
    logged = [json.loads(line) for line in file.read_text().splitlines()]
    # 8 frames, 6 a step; the rate 0.004 is for 8 a step and rises to its full height after 4 steps
    assert [line['step'] for line in logged if 'loss' in line] == [1, 2, 3, 4]
    assert logged[0]['lr'] == pytest.approx(0.1 * 0.004 * 6 / 8)
    assert len([line for line in logged if 'EPE' in line]) == 2


def test_test_measures_what_one_process_does(ten, trained, command, call, port, tmp_path):
    arguments = ('--work-dir', tmp_path / 'three', '--out', tmp_path / 'three.json')
    process = command('dist_test.sh', ten, trained.checkpoint, 3, *arguments, cwd=tmp_path, PORT=port)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    assert output.count('\nboxes ') == 1
    call('test', ten, trained.checkpoint, '--work-dir', tmp_path / 'one', '--out', tmp_path / 'one.json')
    one, three = (json.loads((tmp_path / name / 'metrics.json').read_text()) for name in ('one', 'three'))
    assert one.pop('boxes') == three.pop('boxes') and one.pop('protocol') == three.pop('protocol')
    assert three == pytest.approx(one, abs=1e-6)
    one, three = (json.loads((tmp_path / f'{name}.json').read_text()) for name in ('one', 'three'))
    ids = [entry['image_id'] for entry in three]
    assert len(set(ids)) == len(ids) == 10
    ordered = sorted(three, key=lambda entry: entry['image_id'])
    for mine, theirs in zip(ordered, sorted(one, key=lambda entry: entry['image_id']), strict=True):
        assert mine['keypoints'] == pytest.approx(theirs['keypoints'], abs=1e-3)


def test_detector_trains_and_is_tested_in_three_processes(command, call, port, tmp_path):
    config = tmp_path / 'detector.py'
    config.write_text(
        DETECTOR.format(base=str(ROOT / 'configs/detector' / DETECTOR_BASE), root=f'{ROOT}/tests/data/coco/')
    )
    process = command('dist_train.sh', config, 3, '--work-dir', tmp_path / 'w', cwd=tmp_path, PORT=port)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    checkpoint = tmp_path / 'w/epoch_1.pth'
    process = command('dist_test.sh', config, checkpoint, 3, '--out', tmp_path / 'three.json', cwd=tmp_path, PORT=port)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    call('test', config, checkpoint, '--work-dir', tmp_path / 'one', '--out', tmp_path / 'one.json')
    one, three = (
        sorted(json.loads((tmp_path / f'{name}.json').read_text()), key=lambda p: (p['image_id'], -p['score']))
        for name in ('one', 'three')
    )
    assert len(one) == len(three) > 100
    for mine, theirs in zip(one, three, strict=True):
        assert mine['score'] == pytest.approx(theirs['score'], rel=1e-4)
    metrics = json.loads((tmp_path / 'one/metrics.json').read_text())
    assert 0 <= metrics['coco/AR'] < 1


def test_gradients_and_accumulated_steps_are_those_of_the_whole_batch(ten, port, tmp_path):
    script = tmp_path / 'gradients.py'
    script.write_text(GRADIENTS.format(config=ten))
    run = ['-m', 'torch.distributed.run', '--nproc_per_node=3', f'--master_port={port}', '--master_addr=127.0.0.1']
    done = subprocess.run(
        [sys.executable, *run, str(script)],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count('equal') == 3


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'])
def test_scripts_say_how_they_are_used(script, command):
    process = command(script)
    output, _ = process.communicate()
    assert process.returncode == 2 and output.startswith(f'usage: {script} ')
