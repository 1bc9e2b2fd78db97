"""The data sets of a config."""

from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict

from hybridkp.inspection.data_part import DataPart, data_parts

ROOT = Path(__file__).parents[2]


def config(train, val, test):
    return ConfigDict(
        {
            f'{use}_dataloader': dict(dataset=d)
            for use, d in zip(('train', 'val', 'test'), (train, val, test), strict=True)
        }
    )


def data(ann_file, **more):
    return dict(type='CocoKeypoints', data_root='data/', ann_file=ann_file, data_prefix=dict(img='images'), **more)


def test_parts_and_their_paths():
    parts = data_parts(config(data('a.json'), data('b.json'), data('c.json')))
    assert [part.title for part in parts] == ['train', 'val', 'test']
    assert parts[0].ann_file == 'data/a.json' and parts[0].image_folder == 'data/images'


def test_what_reads_the_same_is_one():
    parts = data_parts(config(data('a.json'), data('../data/b.json'), data('b.json', bbox_file='found.json')))
    assert [part.uses for part in parts] == [('train',), ('val', 'test')]
    assert parts[1].bbox_files == ('data/found.json',) and parts[0].bbox_files == ()


def test_wrapped_data_sets_are_found():
    joined = dict(type='ConcatDataset', datasets=[data('a.json'), dict(type='RepeatDataset', dataset=data('b.json'))])
    parts = data_parts(config(joined, data('b.json'), data('c.json')))
    assert [part.uses for part in parts] == [('train',), ('train', 'val'), ('test',)]


def test_steps_of_the_pipeline():
    part = DataPart(('train',), data('a.json', pipeline=[dict(type='ReadImage'), dict(type='RandomFlip', prob=0.3)]))
    assert part.step('RandomFlip') == dict(type='RandomFlip', prob=0.3) and part.step('TopdownAffine') is None
    assert DataPart(('train',), data('a.json')).pipeline == []


def test_skeleton_of_a_config_of_ours():
    part = data_parts(Config.fromfile(ROOT / 'configs/animal/hybridnet_s_mirror_mouse_256x256.py'))[0]
    names, pairs, sigmas = part.skeleton()
    assert len(names) == 17 and sigmas.shape == (17,)
    assert [(names[a], names[b]) for a, b in pairs][0] == ('paw1LH_top', 'paw4RH_top')


def test_skeleton_of_a_data_set_of_mmpose(mmpose_scope):
    part = DataPart(('train',), dict(type='CocoDataset', ann_file='nowhere.json', data_prefix=dict(img='')))
    names, pairs, sigmas = part.skeleton()
    assert names[0] == 'nose' and sigmas[0] == pytest.approx(0.026)
    assert (names.index('left_eye'), names.index('right_eye')) in pairs and len(pairs) == 8


def test_detected_boxes_are_no_labels(mmpose_scope, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/body/hybridnet_s_coco_sample_256x192.py')
    settings = cfg.test_dataloader.dataset | dict(bbox_file='nowhere.json')
    assert len(DataPart(('test',), settings).build()) == 55
