"""What is known of a test set without its data."""

import pytest
from mmengine.config import Config

from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError
from hybridkp.inference.evaluated_set import evaluated_set, trained_skeleton


@pytest.mark.parametrize('wrapped', [False, True])
def test_skeletons_are_known_without_data(wrapped, random_network):
    cfg = load_config(random_network('mouse')[0], {'test_dataloader.dataset.data_root': 'nowhere/'}, None)
    if wrapped:
        cfg.test_dataloader.dataset = dict(type='RepeatDataset', dataset=cfg.test_dataloader.dataset)
    meta = trained_skeleton(cfg)
    assert meta['num_keypoints'] == 17 and meta['keypoint_id2name'][0] == 'paw1LH_top'


@pytest.mark.filterwarnings('ignore:The metainfo config file')
def test_skeletons_of_data_sets_of_mmpose(random_network):
    cfg = load_config(random_network('people')[0], None, None)
    skeleton = Config.fromfile(cfg.filename).skeleton
    cfg.test_dataloader.dataset = dict(
        type='CocoDataset', data_root='nowhere/', ann_file='a.json', test_mode=True, pipeline=['a']
    )
    assert list(trained_skeleton(cfg)['keypoint_name2id']) == list(skeleton.keypoints)
    cfg.test_dataloader.dataset = dict(type='ImageFolder', roots=['nowhere'], pipeline=['a'])
    with pytest.raises(InputError, match='people.py: expected a test set with a skeleton, got ImageFolder'):
        trained_skeleton(cfg)


def test_a_test_without_a_pipeline(random_network):
    cfg = load_config(random_network('people')[0], None, None)
    cfg.test_dataloader.dataset = dict(type='CocoDataset')
    with pytest.raises(InputError, match='people.py: expected a test set with a pipeline, got CocoDataset without one'):
        evaluated_set(cfg)
