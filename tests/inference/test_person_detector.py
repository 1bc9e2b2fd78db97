"""Detectors: ours, and those of MMDetection, of which a stand-in is used."""

import sys
import types

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from hybridkp.errors import InputError
from hybridkp.inference.person_detector import PersonDetector, read_config


@pytest.fixture
def foreign(tmp_path):
    """The config of a detector that is not ours."""
    path = tmp_path / 'rtmdet.py'
    path.write_text("model = dict(type='RTMDet')\n")
    return str(path)


def detect(config, checkpoint='a.pth', **options):
    return PersonDetector(read_config(config), checkpoint, 'cpu', **options)


def test_boxes_of_our_network(random_network):
    images = [np.random.default_rng(0).integers(0, 255, (50, 80, 3), dtype=np.uint8)] * 2
    detector = detect(*random_network('detector'), minimum=0.0)
    (boxes, scores), (again, _) = detector(images)
    assert boxes.shape == (5, 4) and scores.shape == (5,) and (boxes[:, 2:] > boxes[:, :2]).all()
    np.testing.assert_allclose(boxes, again, atol=1e-3)
    assert (boxes >= 0).all() and (boxes <= (80, 50, 80, 50)).all()
    middle = float(np.sort(scores)[2:4].mean())
    ((fewer, _),) = detect(*random_network('detector'), minimum=middle)(images[:1])
    assert 0 < len(fewer) <= 5
    ((nobody, _),) = detect(*random_network('detector'), minimum=0.0, category=1)(images[:1])
    assert nobody.shape == (0, 4) and detector.name == 'detector.py detector_0.pth'


def test_boxes_of_mmdetection(foreign, monkeypatch):
    seen = []

    def init_detector(config, checkpoint, device):
        return config, checkpoint, device

    def inference_detector(model, image):
        seen.append((model, image.shape))
        found = InstanceData(
            bboxes=torch.tensor([[0.0, 1, 2, 3], [1, 1, 5, 5], [2, 2, 2, 9], [0, 0, 3, 3]]),
            scores=torch.tensor([0.9, 0.8, 0.7, 0.1]),
            labels=torch.tensor([0, 16, 0, 0]),
        )
        return types.SimpleNamespace(pred_instances=found)

    apis = types.SimpleNamespace(init_detector=init_detector, inference_detector=inference_detector)
    monkeypatch.setitem(sys.modules, 'mmdet', types.ModuleType('mmdet'))
    monkeypatch.setitem(sys.modules, 'mmdet.apis', apis)
    ((boxes, scores),) = detect(foreign, minimum=0.3)([np.zeros((4, 6), np.uint8)])
    assert boxes.tolist() == [[0, 1, 2, 3]] and scores.tolist() == [np.float32(0.9)]
    assert seen == [((foreign, 'a.pth', 'cpu'), (4, 6, 3))]
    ((boxes, _),) = detect(foreign, minimum=0.3, category=16)([np.zeros((4, 6, 3), np.uint8)])
    assert boxes.tolist() == [[1, 1, 5, 5]]


def test_detectors_that_cannot_be_used(foreign, random_network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet.apis', None)
    with pytest.raises(InputError, match='rtmdet.py: this detector needs MMDetection, which cannot be imported'):
        detect(foreign)
    with pytest.raises(InputError, match='mouse.py: expected a detector, got a KeypointEstimator'):
        detect(*random_network('mouse'))
    with pytest.raises(FileNotFoundError, match='config nowhere.py does not exist'):
        detect('nowhere.py')
    (tmp_path / 'empty.py').touch()
    with pytest.raises(InputError, match='empty.py cannot be read as that of a detector'):
        detect(str(tmp_path / 'empty.py'))
