"""A config that mmpose ships trains and evaluates with our codec in one of its lines."""

import re
import shutil
from pathlib import Path

import mmpose
import numpy as np
import pytest
from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

SHIPPED = Path(mmpose.__file__).parent / '.mim/configs'
NAME = Path('body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py')
BASE = Path('_base_/default_runtime.py')
DATA = Path(__file__).parent / 'data/coco'
OURS = dict(type='AnisotropicHeatmap', input_size=(192, 256), covariance=dict(type='FixedCovariance', sigma=8))


@pytest.fixture
def swapped(tmp_path):
    """The shipped config, with one statement of its text replaced."""
    for path in (NAME, BASE):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHIPPED / path, tmp_path / path)
    text, count = re.subn(r'^codec = dict\(.*?\)$', f'codec = {OURS}', (tmp_path / NAME).read_text(), flags=re.M | re.S)
    assert count == 1 and 'MSRAHeatmap' not in text and 'heatmap_size' not in text
    (tmp_path / NAME).write_text(text)
    return Config.fromfile(tmp_path / NAME)


def differences(before, after, path=''):
    """Give the paths of the values that are not the same."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from differences(before[key], after[key], f'{path}.{key}')
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f'{path}[{index}]')
    elif before != after:
        yield path


def shrink(config, work_dir):
    """Make the model and the data small; nothing here touches the codec."""
    backbone = config.model.backbone
    del backbone['init_cfg']
    for name in ('stage1', 'stage2', 'stage3', 'stage4'):
        stage = backbone.extra[name]
        stage.num_modules = 1
        stage.num_blocks = (1,) * len(stage.num_blocks)
        stage.num_channels = (4, 8, 16, 32)[: len(stage.num_channels)]
    config.model.head.in_channels = 4
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset.update(
            data_root=str(DATA),
            ann_file='annotations/person_keypoints_val2017.json',
            data_prefix=dict(img='val2017/'),
            bbox_file=None,
            indices=8,
        )
    for evaluator in (config.val_evaluator, config.test_evaluator):
        evaluator.ann_file = str(DATA / 'annotations/person_keypoints_val2017.json')
    config.train_cfg.update(max_epochs=1, val_interval=1)
    config.default_hooks.logger.interval = 1
    config.work_dir = str(work_dir)
    config.experiment_name = 'stock'


def test_nothing_but_the_codec_changes(swapped):
    changed = list(differences(Config.fromfile(SHIPPED / NAME).to_dict(), swapped.to_dict()))
    assert sorted(changed) == [
        '.codec',
        '.model.head.decoder',
        '.train_dataloader.dataset.pipeline[6].encoder',
        '.train_pipeline[6].encoder',
    ]
    assert ConfigDict(OURS) == swapped.codec == swapped.model.head.decoder == swapped.train_pipeline[6].encoder


@pytest.mark.filterwarnings('ignore:The metainfo config file')
def test_trains_and_evaluates(swapped, tmp_path, mmpose_scope):
    shrink(swapped, tmp_path / 'run')
    runner = Runner.from_cfg(swapped)
    runner.train()
    assert runner.iter == 2
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert 0 <= runner.message_hub.get_scalar('val/coco/AP').current() <= 1
