"""Errors where a network predicts them."""

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from hybridkp.evaluation.input_errors import input_errors


def test_predictions_in_input_px(capsys):
    def sample(points, covariances, name):
        meta = dict(input_size=(64, 32), input_scale=np.array([128.0, 128.0]), img_path=name)
        pred = InstanceData(keypoints=np.array([points]), keypoint_covariances=np.array([covariances]))
        truth = InstanceData(keypoints=np.zeros((1, 3, 2)), keypoints_visible=np.array([[1.0, 1.0, 0.0]]))
        made = PoseDataSample(metainfo=meta)
        made.pred_instances, made.gt_instances = pred, truth
        return made

    good, singular = np.array([[8.0, 4.0], [4.0, 32.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    points = [[2.0, 4.0], [-6.0, 8.0], [1.0, 1.0]]
    samples = [
        sample(points, [good, good, good], 'b.png'),
        sample([points[0], [np.inf, 1.0], points[2]], [singular, good, good * np.nan], 'a.png'),
        sample(points, [good, good, good], 'b.png'),
    ]
    errors, covariances, weights, images = input_errors(samples)
    assert errors[0, :2].tolist() == [[1, 1], [-3, 2]] and covariances[0, 2].tolist() == [[2, 0.5], [0.5, 2]]
    assert weights.tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 0]] and images.tolist() == [1, 0, 1]
    assert (torch.linalg.eigvalsh(covariances) > 0).all()
    assert 'warning: 2 predictions are not finite' in capsys.readouterr().out
