"""Given covariances."""

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from hybridkp.codecs import FixedCovariance

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def test_round_and_the_same_for_all():
    covariances = FixedCovariance(sigma=3)(torch.rand(2, 5, 2), (64, 64))
    assert torch.equal(covariances, (9 * torch.eye(2)).expand(2, 5, 2, 2))


def test_one_width_a_keypoint():
    source = KEYPOINT_CODECS.build(dict(type='FixedCovariance', sigma=[1, 2], num_keypoints=2))
    covariances = source(torch.rand(3, 2, 2), (64, 64))
    assert torch.equal(covariances, torch.stack((torch.eye(2), 4 * torch.eye(2))).expand(3, 2, 2, 2))


def test_relative_width():
    covariances = FixedCovariance(relative_sigma=0.05)(torch.rand(1, 1, 2), (80, 20))
    torch.testing.assert_close(covariances[0, 0], 4 * torch.eye(2))


def test_no_keypoints():
    assert FixedCovariance(sigma=3)(torch.rand(0, 5, 2), (64, 64)).shape == (0, 5, 2, 2)
