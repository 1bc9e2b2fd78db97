"""What two networks found, one after the other, as one."""

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from hybridkp.errors import InputError
from hybridkp.models.merge_prior import merge_prior


def sample(points, variances, **prior):
    found = PoseDataSample(metainfo=dict(img_path='a.png', **prior))
    covariances = np.eye(2) * np.array(variances)[:, None, None]
    found.pred_instances = InstanceData(
        keypoints=np.array([points], np.float32), keypoint_covariances=covariances[None].astype(np.float32)
    )
    return found


def prior(points, variances):
    covariances = np.eye(2, dtype=np.float32) * np.array(variances, np.float32)[:, None, None]
    return dict(prior_keypoints=np.array([points], np.float32), prior_covariances=covariances[None])


def test_points_are_weighted_by_how_certain_they_are():
    one = sample([[0, 0], [0, 0], [0, 0]], [1, 3, 1], **prior([[2, 0], [2, 0], [90, 0]], [1, 1, 9]))
    (merged,) = merge_prior([one])
    points, covariances = merged.pred_instances.keypoints[0], merged.pred_instances.keypoint_covariances[0]
    # the last two are 90 px apart, with standard deviations of 1 and 3 px: the more certain one is taken
    np.testing.assert_allclose(points, [[1, 0], [1.5, 0], [0, 0]], atol=1e-5)
    np.testing.assert_allclose(covariances[0], [[2, 0], [0, 1]], atol=1e-5)  # 1 of each, and 1 of their distance
    np.testing.assert_allclose(covariances[1], [[1.5 + 0.75, 0], [0, 1.5]], atol=1e-5)
    assert covariances[2, 0, 0] > 500 and points.dtype == covariances.dtype == np.float32


def test_without_a_network_before_nothing_changes():
    (same,) = merge_prior([sample([[3, 4]], [1])])
    assert same.pred_instances.keypoints.tolist() == [[[3, 4]]]


def test_a_network_before_has_covariances():
    lacks = sample([[3, 4]], [1], prior_keypoints=np.zeros((1, 1, 2)))
    with pytest.raises(InputError, match=r'a.png: expected covariances of the first network.* got none; tools/test'):
        merge_prior([lacks])
