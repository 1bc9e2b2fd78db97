"""Classification, then a pose model that begins with its backbone: train.py and test.py as a user calls them."""

import json
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hybridkp.engine.launch import load_config

ROOT = Path(__file__).parents[2]
CLASSES = {
    'blue': (255, 0, 0),
    'dark': (20, 20, 20),
    'green': (0, 255, 0),
    'red': (0, 0, 255),
    'white': (255, 255, 255),
}
SMALL = """
_base_ = {base!r}
crop = [dict(type='ResizedCrop', input_size=(32, 32)), *{steps}]
middle = [dict(type='ResizedCrop', input_size=(32, 32), random=False), *{fixed}]
pack = dict(type='mmpretrain.PackInputs', meta_keys=('img_path', 'id'))
loader = dict(batch_size=8, num_workers=0, persistent_workers=False)
train_dataloader = dict(**loader, dataset=dict(pipeline=[*crop, pack]))
val_dataloader = dict(**loader, dataset=dict(part=(0.8, 1.0), pipeline=[*middle, pack]))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
param_scheduler = [dict(type='ConstantLR', factor=1.0, by_epoch=True)]
"""


@pytest.fixture(scope='module')
def colours(tmp_path_factory):
    """Draw 6 images of each of 5 colours, in class folders, and put a file among them that is none."""
    folder, generator = tmp_path_factory.mktemp('colours'), np.random.default_rng(0)
    for name, colour in CLASSES.items():
        (folder / name).mkdir()
        for index in range(6):
            image = np.clip(np.array(colour) + generator.normal(0, 20, (36, 48, 3)), 0, 255)
            cv2.imwrite(str(folder / name / f'{index}.png'), image)
    (folder / 'red/text.jpg').write_text('no image')
    return folder


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """Write a config of a pretraining at 32x32."""
    folder = tmp_path_factory.mktemp('configs')

    def write(name, steps='[]', fixed='[]'):
        base = str(ROOT / f'configs/pretrain/{name}.py')
        (folder / f'{name}.py').write_text(SMALL.format(base=base, steps=steps, fixed=fixed))
        return str(folder / f'{name}.py')

    return write


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory, colours, small, call):
    """A classifier after 2 epochs."""
    work_dir, config = tmp_path_factory.mktemp('pretrained'), small('hybridnet_s_pictures_224')
    options = (f'data_root={colours}', 'model.head.num_classes=5')
    call('train', config, '--work-dir', work_dir, '--amp', '--cfg-options', *options)
    return types.SimpleNamespace(config=config, options=options, work_dir=work_dir, checkpoint=work_dir / 'epoch_2.pth')


def test_accuracies_and_the_best(pretrained, call, tmp_path):
    assert list(pretrained.work_dir.glob('best_accuracy_top1_epoch_*.pth'))
    arguments = ('test', pretrained.config, pretrained.checkpoint, '--work-dir', tmp_path, '--cfg-options')
    call(*arguments, *pretrained.options)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert 0 <= metrics['accuracy/top1'] <= metrics['accuracy/top5'] == 100 and metrics['boxes'] == 'whole images'
    assert metrics['protocol']['instances'] == 6


def test_resume(pretrained, call, tmp_path):
    torch.save(torch.load(pretrained.checkpoint, weights_only=False), tmp_path / 'epoch_2.pth')
    options = (*pretrained.options, 'train_cfg.max_epochs=3')
    call('train', pretrained.config, '--work-dir', tmp_path, '--resume', '--cfg-options', *options)
    content = torch.load(tmp_path / 'epoch_3.pth', weights_only=False)
    assert content['meta']['epoch'] == 3 and not (tmp_path / 'epoch_1.pth').exists()


def test_quarter_turns(colours, small, call, tmp_path):
    steps = "[dict(type='QuarterTurn')]", "[dict(type='QuarterTurn', random=False)]"
    config = small('hybridnet_s_pictures-turns_224', *steps)
    options = (f'data_root={colours}', 'train_cfg.max_epochs=1')
    call('train', config, '--work-dir', tmp_path, '--cfg-options', *options)
    found = []
    for _ in range(2):
        call('test', config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path / 'test', '--cfg-options', *options)
        found.append(json.loads((tmp_path / 'test/metrics.json').read_text())['accuracy/top1'])
    assert found[0] == found[1]


def test_a_pose_model_begins_with_the_backbone(pretrained, tiny, call, tmp_path):
    config = tiny(tmp_path)
    still = ('train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0', 'param_scheduler=[]')
    call('train', config, '--work-dir', tmp_path / 'a', '--backbone', pretrained.checkpoint, '--cfg-options', *still)
    source = torch.load(pretrained.checkpoint, weights_only=False)['state_dict']
    found = torch.load(tmp_path / 'a/epoch_1.pth', weights_only=False)
    weights = [key for key in source if key.startswith('backbone.') and key.endswith('conv.weight')]
    assert len(weights) > 20 and all(torch.equal(source[key], found['state_dict'][key]) for key in weights)
    assert 'epoch_2.pth' in found['meta']['cfg']  # the config that is saved says where it is from
    call('train', config, '--work-dir', tmp_path / 'a', '--resume', '--backbone', 'gone.pth', '--cfg-options', *still)


def test_an_interest_point_model_begins_with_the_backbone(pretrained, tmp_path, monkeypatch, call, load_tool):
    config = ROOT / 'configs/points/hybridnet_s_pictures_224.py'
    train, loaded = load_tool('train'), []
    args = train.parse_args([str(config), '--backbone', str(pretrained.checkpoint)])
    cfg = load_config(str(config), dict(data_root=str(ROOT / 'tests/data/coco')), str(tmp_path))
    train.apply_options(cfg, args)
    runner = train.build_runner(cfg, 'none')
    train.check_checkpoints(cfg, runner)
    runner.model.init_weights()
    source = torch.load(pretrained.checkpoint, weights_only=False)['state_dict']
    for key, value in runner.model.backbone.state_dict().items():
        loaded.append(torch.equal(value, source[f'backbone.{key}']))
    assert len(loaded) > 100 and all(loaded)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda state: {'head.bias': torch.zeros(1)}, "has no parameters whose names begin with 'backbone.'"),
        (
            lambda state: {key: value for key, value in state.items() if 'stages.2' not in key},
            'does not fit the HybridNet: stages.2.0.conv1.conv.weight is missing; .* more',
        ),
        (
            lambda state: state | {'backbone.stem.0.conv.weight': torch.zeros(32, 3, 3, 3)},
            r'stem.0.conv.weight has shape \(32, 3, 3, 3\), expected \(16, 3, 3, 3\)',
        ),
    ],
    ids=['nothing', 'less', 'wider'],
)
def test_backbones_that_do_not_fit(pretrained, tiny, call, tmp_path, change, message):
    state = torch.load(pretrained.checkpoint, weights_only=False)['state_dict']
    torch.save(dict(state_dict=change(state)), tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match=f'error: checkpoint .*a.pth .*{message}'):
        call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', '--backbone', tmp_path / 'a.pth')
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_no_backbone_to_begin_with(tiny, call, tmp_path):
    with pytest.raises(SystemExit, match='error: checkpoint none.pth does not exist'):
        call('train', tiny(tmp_path), '--work-dir', tmp_path / 'work', '--backbone', 'none.pth')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ((), r'num_classes is 10, but the data have 5 classes \(blue, dark, green, \.\.\.\)'),
        (('model.head.num_classes=5', 'val_evaluator.topk=6'), 'expected accuracies among .* 5 classes, got top-6'),
        (('data_root=none',), 'image folder none/ does not exist'),
    ],
)
def test_wrong_data(colours, small, call, tmp_path, options, message):
    config = small('hybridnet_s_pictures_224')
    options = options if 'data_root=none' in options else (f'data_root={colours}', *options)
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('train', config, '--work-dir', tmp_path, '--cfg-options', *options)
