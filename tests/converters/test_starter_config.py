"""Config files of a new set."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from hybridkp.converters.keypoint_set import KeypointSet
from hybridkp.converters.starter_config import MANY, plan
from hybridkp.datasets.skeleton import skeleton_metainfo

NAMES = ['nose', 'left_eye', 'right_eye']
KEYPOINTS = KeypointSet(NAMES, [('nose', 'left_eye')], [('left_eye', 'right_eye')], [0.05] * 3, ['a rule'])


def people(box, image=(400, 400), count=2, **more):
    images = [dict(id=i, file_name=f'{i}.png', width=image[0], height=image[1]) for i in range(count)]
    entry = dict(category_id=1, keypoints=[1, 1, 2] * 3, bbox=[0, 0, *box], area=7) | more
    annotations = [dict(entry, id=i, image_id=i) for i in range(count)]
    return dict(images=images, annotations=annotations)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write the files of a set beside the project's bases; gives the experiment's config."""
    configs = Path(__file__).parents[2] / 'configs'
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs/_base_').mkdir()
    for base in (configs / '_base_').iterdir():
        if base.is_dir():
            (tmp_path / 'configs/_base_' / base.name).mkdir()
            for file in base.glob('*.py'):
                (tmp_path / 'configs/_base_' / base.name / file.name).write_text(file.read_text())
        elif base.suffix == '.py':
            (tmp_path / 'configs/_base_' / base.name).write_text(base.read_text())
    monkeypatch.chdir(tmp_path)

    def run(starter, folder='animal'):
        for path, text in starter.texts(folder).items():
            (tmp_path / 'configs' / path).parent.mkdir(exist_ok=True)
            (tmp_path / 'configs' / path).write_text(text)
        return Config.fromfile(tmp_path / f'configs/{folder}/{starter.experiment}.py')

    return run


def planned(coco, keypoints=KEYPOINTS, size=None, images='data/images', name='birds'):
    paths = ('data/train.json', 'data/val.json', 'data/val.json', images)
    return plan(name, keypoints, [coco, coco], paths, size)


def test_boxes_in_larger_images(write):
    starter = planned(people((100, 140)))
    assert starter.experiment == 'hybridnet_s_birds_256x192'
    cfg = write(starter)
    data, steps = cfg.train_dataloader.dataset, [step.type for step in cfg.train_dataloader.dataset.pipeline]
    assert data.data_root == 'data/' and data.data_prefix == dict(img='images/') and data.ann_file == 'train.json'
    assert steps == [
        'ReadImage', 'GetBBoxCenterScale', 'RandomFlip', 'RandomBBoxTransform', 'PhotometricDistortion',
        'TopdownAffine', 'KeypointLabels', 'PackPoseInputs',
    ]  # fmt: skip
    assert data.pipeline[1].padding == 1.25 and data.pipeline[5].input_size == (192, 256)
    assert 'test_mode' not in data and cfg.val_dataloader.dataset.test_mode
    assert cfg.model.head.num_keypoints == 3 and cfg.model.test_cfg.flip_test
    assert cfg.default_hooks.checkpoint.save_best == 'coco/AP' and cfg.default_hooks.checkpoint.rule == 'greater'
    assert cfg.val_evaluator[0].ann_file == 'data/val.json'
    metainfo = skeleton_metainfo(data.skeleton)
    assert metainfo['flip_indices'] == [0, 2, 1] and metainfo['skeleton_links'] == [(0, 1)]
    assert np.allclose(metainfo['sigmas'], 0.05)


def test_whole_images_without_sides(write):
    keypoints = KeypointSet(list('ab'), [], [], [0.01, 0.2], ['a rule'])
    starter = planned(people((640, 480), (640, 480)), keypoints, images='data', name='xrays')
    cfg = write(starter, 'landmark')
    steps = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
    assert starter.experiment == 'hybridnet_s_xrays_192x256'
    assert steps['GetBBoxCenterScale'].padding == 1 and 'RandomFlip' not in steps
    assert steps['SmoothDownscale'].input_size == (256, 192)  # 640 px become 256
    assert 'data_prefix' not in cfg.train_dataloader.dataset and not cfg.model.test_cfg.flip_test
    assert cfg.default_hooks.checkpoint.save_best == 'EPE'
    assert cfg.train_dataloader.dataset.skeleton.sigmas == [0.01, 0.2]


@pytest.mark.parametrize(
    'box, shape', [((50, 100), '256x192'), ((100, 100), '256x256'), ((90, 100), '256x256'), ((100, 50), '192x256')]
)
def test_size_by_the_boxes(box, shape):
    assert planned(people(box)).experiment.endswith(shape)
    assert planned(people(box), size=(64, 96)).experiment.endswith('96x64')


def test_large_sets_have_another_schedule(write):
    few, many = (write(planned(people((50, 50), count=count))) for count in (10, MANY + 1))
    assert few.train_dataloader.batch_size == 8 and few.train_cfg.max_epochs == 120
    assert many.train_dataloader.batch_size == 64 and many.train_cfg.max_epochs == 210


def test_no_area_no_average_precision(write):
    coco = people((50, 50))
    coco['annotations'][1].pop('area')
    cfg = write(planned(coco))
    assert cfg.val_evaluator == [dict(type='EPE')] and cfg.default_hooks.checkpoint.save_best == 'EPE'


def test_files_are_short_and_narrow():
    names = [f'{side}_{part}{i}' for i in range(12) for part in ('paw', 'joint') for side in ('left', 'right')]
    pairs = list(zip(names[::2], names[1::2], strict=True))
    keypoints = KeypointSet(names, pairs, pairs, [0.05] * 48, ['a rule'])
    texts = planned(people((50, 50)), keypoints).texts('animal')
    assert sorted(texts) == [
        '_base_/datasets/birds.py', '_base_/skeletons/birds.py', 'animal/hybridnet_s_birds_256x256.py'
    ]  # fmt: skip
    for text in texts.values():
        assert max(map(len, text.splitlines())) <= 120 and text.endswith('\n')
    lines = {path: sum(not line.startswith('#') for line in text.splitlines()) for path, text in texts.items()}
    assert list(lines.values())[1] <= 35 and list(lines.values())[2] <= 15


def test_paths_elsewhere_are_absolute(tmp_path, monkeypatch):
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    coco = people((50, 50))
    starter = plan(
        'birds', KEYPOINTS, [coco, coco], ('../a/train.json', '../b/val.json', '../b/val.json', '../c'), None
    )
    assert starter.root == f'{tmp_path}/' and starter.files == ('a/train.json', 'b/val.json', 'b/val.json')
    assert starter.images == 'c'
    assert json.dumps(starter.texts('animal'))  # plain text
