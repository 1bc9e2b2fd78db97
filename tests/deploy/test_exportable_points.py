"""Estimators of interest points as one module."""

import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.deploy.exportable_points import ExportablePoints


def test_finds_what_the_estimator_does(mmpose_scope, generator):
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile('configs/points/hybridnet_s_pictures_224.py').model).eval()
    model.head.final_layer.bias.data.zero_()
    model.test_cfg = dict(max_points=30)
    module = ExportablePoints(model).eval()
    images = torch.randint(0, 256, (2, 3, 64, 96), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        points, scores, covariances = module(images)
        expected = model.test_step(dict(inputs=list(images), data_samples=[PoseDataSample(), PoseDataSample()]))
    assert points.shape == (2, 30, 2) and covariances.shape == (2, 30, 2, 2)
    for index, sample in enumerate(expected):
        shown, pred = scores[index] > 0, sample.pred_instances
        assert 3 < shown.sum() == len(pred.keypoints)
        torch.testing.assert_close(points[index][shown], torch.from_numpy(pred.keypoints[:, 0]))
        torch.testing.assert_close(scores[index][shown], torch.from_numpy(pred.keypoint_scores[:, 0]))
        torch.testing.assert_close(covariances[index][shown], torch.from_numpy(pred.keypoint_covariances[:, 0]))
