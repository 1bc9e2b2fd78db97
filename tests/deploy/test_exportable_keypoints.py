"""Top-down estimators as one module: what they predict, with flip test, calibration and as an ensemble."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.deploy.exportable_keypoints import ExportableKeypoints
from hybridkp.errors import InputError
from hybridkp.ops.calibration import Calibration

CONFIG = 'configs/animal/hybridnet_s_mirror_mouse_256x256.py'
MIRRORED = [1, 0, *range(2, 17)]


def settings():
    return Config.fromfile(CONFIG).model


def samples(count, side):
    about = dict(input_size=(side, side), input_center=(side / 2,) * 2, input_scale=(side, side))
    found = [PoseDataSample(metainfo=dict(about, flip_indices=MIRRORED)) for _ in range(count)]
    for sample in found:
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    return found


def same(module, model, flip_test):
    for member in getattr(model, 'members', [model]):
        member.test_cfg = dict(flip_test=flip_test)
    images = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    with torch.no_grad():
        found = module(images)
        expected = model.test_step(dict(inputs=list(images), data_samples=samples(3, 64)))
    for values, name in zip(found, ('keypoints', 'keypoint_scores', 'keypoint_covariances'), strict=True):
        theirs = torch.stack([torch.from_numpy(sample.pred_instances[name][0]) for sample in expected])
        torch.testing.assert_close(values, theirs, rtol=1e-4, atol=1e-4)
    return found


@pytest.mark.parametrize('flip_test', [False, True])
def test_predicts_what_the_estimator_does(flip_test, mmpose_scope):
    torch.manual_seed(0)
    model = MODELS.build(settings()).eval()
    module = ExportableKeypoints(model, MIRRORED if flip_test else None).eval()
    plain = same(module, model, flip_test)
    assert not module.calibrated and list(module.names) == ['keypoints', 'scores', 'covariances']
    model.head.calibration.assign(Calibration.identity(17)._replace(log_scale=torch.full((17,), np.log(4.0))))
    assert module.calibrated
    wider = same(module, model, flip_test)
    assert torch.equal(wider[0], plain[0])
    torch.testing.assert_close(wider[2], 4 * plain[2], rtol=1e-3, atol=1e-3)


def test_predicts_what_an_ensemble_does(mmpose_scope):
    torch.manual_seed(0)
    member = settings()
    preprocessor = member.pop('data_preprocessor')
    ensemble = dict(type='KeypointEnsemble', members=[member] * 2, data_preprocessor=preprocessor)
    model = MODELS.build(ensemble).eval()
    same(ExportableKeypoints(model, MIRRORED).eval(), model, True)
    with pytest.raises(InputError, match='zoomed images'):
        ExportableKeypoints(MODELS.build(dict(ensemble, scales=(1, 1.1))))
