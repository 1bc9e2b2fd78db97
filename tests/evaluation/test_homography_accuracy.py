"""The metric of homographies: right points find it, others do not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.registry import METRICS

from hybridkp.evaluation.homography_accuracy import HomographyAccuracy

IMAGE = cv2.imread(str(Path(__file__).parents[1] / 'data/coco/val2017/000000000885.jpg'))
HOMOGRAPHY = np.array([[0.96, 0.12, 10], [-0.1, 1.02, 25], [5e-5, -3e-5, 1]])


def views():
    second = cv2.warpPerspective(IMAGE, HOMOGRAPHY, IMAGE.shape[1::-1])
    found = []
    for view, image in enumerate((IMAGE, second)):
        points = cv2.goodFeaturesToTrack(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 500, 0.001, 2).reshape(-1, 2)
        scores = np.arange(len(points), 0, -1.0)
        sizes = (IMAGE.shape[:2],) * 2
        meta = dict(img_path='885.jpg', pair=0, view=view, homography=HOMOGRAPHY, view_sizes=sizes)
        meta['pred_instances'] = dict(keypoints=points[:, None], keypoint_scores=scores[:, None])
        found.append((torch.from_numpy(image).permute(2, 0, 1), meta))
    return found


def measure(metric, found):
    for image, meta in found:
        metric.process(dict(inputs=[image]), [meta])
    return metric.evaluate(len(found))


def test_corners_find_the_homography(mmpose_scope):
    metrics = measure(METRICS.build(dict(type='HomographyAccuracy')), views())
    assert metrics['homography/AUC_5px'] > 70 and metrics['homography/AUC_3px'] <= metrics['homography/AUC_5px']
    assert set(metrics) == {f'homography/AUC_{t}px{end}' for t in (1, 3, 5) for end in ('', '_low', '_high')}


def test_points_elsewhere_do_not(mmpose_scope):
    found = views()
    generator = np.random.default_rng(0)
    for _, meta in found:
        shape = meta['pred_instances']['keypoints'].shape
        meta['pred_instances']['keypoints'] = generator.uniform(0, 400, shape)
    metric = HomographyAccuracy(points=40)
    assert measure(metric, found)['homography/AUC_3px'] < 20
    for _, meta in found:
        meta['pred_instances'] = dict(keypoints=np.zeros((0, 1, 2)), keypoint_scores=np.zeros((0, 1)))
    metric = HomographyAccuracy()
    assert measure(metric, found)['homography/AUC_5px'] == 0 and np.isinf(metric.errors).all()


@pytest.mark.parametrize('settings', [dict(points=0), dict(thresholds=(0, 1)), dict(size=0), dict(margin=-1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='HomographyAccuracy: expected'):
        HomographyAccuracy(**settings)
