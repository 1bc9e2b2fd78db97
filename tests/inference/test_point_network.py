"""A trained network as a detector: its checkpoint, any size, points inside the image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.errors import InputError
from hybridkp.inference.point_network import PointNetwork

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.fixture
def cfg(mmpose_scope):
    return Config.fromfile(CONFIGS / 'points/hybridnet_s_pictures_224.py')


@pytest.fixture
def checkpoint(cfg, tmp_path):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


def test_points_of_any_image(cfg, checkpoint):
    network, generator = PointNetwork(cfg, checkpoint, count=30), np.random.default_rng(0)
    for size in ((70, 90), (64, 64), (33, 101)):
        points, scores, covariances = network.predict(generator.integers(0, 255, (*size, 3), np.uint8))
        assert points.shape == (len(scores), 2) and covariances.shape == (len(scores), 2, 2)
        assert 0 < len(scores) <= 30 and (np.diff(scores) <= 0).all() and scores.max() <= 1
        assert (points > -0.5).all() and (points < np.array(size[::-1]) - 0.5).all()
        assert (np.linalg.eigvalsh(covariances) > 0).all()
    assert len(PointNetwork(cfg, checkpoint, threshold=1.1)(np.zeros((64, 64, 3), np.uint8))[0]) == 0


def test_wrong_files(cfg, checkpoint, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth does not exist'):
        PointNetwork(cfg, str(tmp_path / 'none.pth'))
    (tmp_path / 'bad.pth').write_text('x')
    with pytest.raises(InputError, match='bad.pth is damaged or no checkpoint'):
        PointNetwork(cfg, str(tmp_path / 'bad.pth'))
    pose = Config.fromfile(CONFIGS / 'animal/hybridnet_s_mirror_mouse_256x256.py')
    with pytest.raises(InputError, match='expected a model of interest points, got KeypointEstimator'):
        PointNetwork(pose, checkpoint)
