"""Networks from a config and checkpoints: one, several, and wrong ones."""

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.engine.trained_model import build_trained, with_scales
from hybridkp.errors import InputError

CONFIG = 'configs/animal/hybridnet_s_mirror_mouse_256x256.py'


@pytest.fixture
def checkpoints(tmp_path, mmpose_scope):
    paths = []
    for seed in range(2):
        torch.manual_seed(seed)
        paths.append(str(tmp_path / f'{seed}.pth'))
        torch.save(dict(state_dict=MODELS.build(Config.fromfile(CONFIG).model).state_dict()), paths[-1])
    return paths


def test_one_and_several(checkpoints):
    cfg = Config.fromfile(CONFIG)
    one, several = build_trained(cfg, checkpoints[:1]), build_trained(cfg, checkpoints)
    assert not one.training and type(several).__name__ == 'KeypointEnsemble'
    for path, member in zip(checkpoints, several.members, strict=True):
        state = torch.load(path)['state_dict']
        assert torch.equal(member.head.final_layer.weight, state['head.final_layer.weight'])
    assert torch.equal(one.head.final_layer.weight, several.members[0].head.final_layer.weight)
    assert cfg.model.type == 'KeypointEstimator' and 'data_preprocessor' in cfg.model


def test_scales_are_those_of_the_config(checkpoints):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(with_scales(None, [0.9, 1.0]))
    model = build_trained(cfg, checkpoints[:1])
    assert model.scales == (0.9, 1.0) and len(model.members) == 1
    assert with_scales({'model.test_cfg.scales': [2]}, None) == {'model.test_cfg.scales': [2]}
    assert with_scales({'a': 1}, [0.9]) == {'a': 1, 'model.test_cfg.scales': [0.9]}


def test_wrong_checkpoints(checkpoints, tmp_path):
    with pytest.raises(InputError, match='is of another model'):
        build_trained(Config.fromfile('configs/landmark/unet_isbi2015_128x128.py'), checkpoints[:1])
    (tmp_path / 'cut.pth').write_bytes((tmp_path / '0.pth').read_bytes()[:1000])
    with pytest.raises(InputError, match=r'cut\.pth is damaged'):
        build_trained(Config.fromfile(CONFIG), [str(tmp_path / 'cut.pth')])
    with pytest.raises(FileNotFoundError, match=r'none\.pth does not exist'):
        build_trained(Config.fromfile(CONFIG), [str(tmp_path / 'none.pth')])


def test_detectors_are_no_ensemble(mmpose_scope):
    with pytest.raises(InputError, match='averages heatmaps'):
        build_trained(Config.fromfile('configs/detector/yolov7_n_pose_coco_sample_images_320x320.py'), ['a', 'b'])
