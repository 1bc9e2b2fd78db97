"""Labels in the input: cut, filtered, mirrored, and as the loss wants them."""

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose

from hybridkp.datasets.person_labels import LABELS, PersonLabels

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def sample(boxes, points=None, flags=None, size=(100, 80), **more):
    """A sample of N people in an image of (width, height)."""
    count = len(boxes)
    return dict(
        img=np.zeros((size[1], size[0], 3), np.uint8),
        bbox=np.array(boxes, np.float64).reshape(-1, 4),
        bbox_score=np.ones(count, np.float32),
        keypoints=np.zeros((count, 2, 2), np.float32) + 10 if points is None else np.array(points, np.float32),
        keypoints_visible=np.full((count, 2), 2, np.float32) if flags is None else np.array(flags, np.float32),
        area=np.full(count, 300, np.float32),
        category_id=np.arange(count),
        **more,
    )


def test_people_are_cut_at_the_border():
    results = PersonLabels().transform(sample([[-10, 10, 30, 50]], [[[-2, 20], [20, 30]]]))
    assert results['box_labels'].tolist() == [[0, 10, 30, 50]]
    assert results['keypoint_labels'].tolist() == [[[0, 0], [20, 30]]]
    assert results['keypoint_flags'].tolist() == [[0, 2]]
    assert results['instance_areas'].tolist() == [300 * 3 / 4]  # as much as of the box
    assert results['class_labels'].tolist() == [0] and results['class_labels'].dtype == np.int64


def test_who_is_left_out():
    boxes = [
        [10, 10, 30, 50],
        [-36, 10, 4, 50],  # a tenth is left
        [98.5, 10, 130, 50],  # 1.5 px are left
        [10, 10, 13, 75],  # more than 20 times as high as wide
        [200, 10, 230, 50],  # outside
        [0, 0, 0, 0],  # nobody
        [-35, 10, 5, 50],
    ]
    results = PersonLabels().transform(sample(boxes))
    assert results['class_labels'].tolist() == [0, 6]
    assert len(results['bbox']) == len(results['bbox_score']) == len(results['keypoints']) == 2
    everybody = PersonLabels(smallest=0, visible=0).transform(sample(boxes))
    assert everybody['class_labels'].tolist() == [0, 1, 6]


def test_flags_are_kept():
    points = [[[10, 10], [20, 20]], [[10, 10], [20, 80.5]]]
    results = PersonLabels().transform(sample([[5, 5, 40, 60]] * 2, points, [[2, 1], [0, 2]]))
    assert results['keypoint_flags'].tolist() == [[2, 1], [0, 0]]
    assert results['keypoint_labels'].tolist() == [[[10, 10], [20, 20]], [[0, 0], [0, 0]]]


def test_positions_are_mirrored_not_numbers_of_pixels():
    flip = Compose([dict(type='RandomFlip', prob=1.0), dict(type='PersonLabels')])
    results = flip(
        sample([[10, 10, 30, 50]], [[[12, 20], [20, 30]]], size=(100, 100), img_shape=(100, 100), flip_indices=[1, 0])
    )
    assert results['box_labels'].tolist() == [[70, 10, 90, 50]]
    assert results['keypoint_labels'].tolist() == [[[80, 30], [88, 20]]]


def test_nobody():
    results = PersonLabels().transform(sample([]))
    assert [len(results[name]) for name in LABELS] == [0] * 5
    packed = Compose([dict(type='PackPoseInputs', meta_keys=())])(results)['data_samples']
    assert packed.gt_instance_labels.keypoint_labels.shape == (0, 2, 2)


def test_packed_as_tensors():
    results = PersonLabels().transform(sample([[10, 10, 30, 50], [0, 0, 40, 40]]))
    labels = Compose([dict(type='PackPoseInputs', meta_keys=())])(results)['data_samples'].gt_instance_labels
    assert set(labels.keys()) == set(LABELS)
    assert labels.class_labels.dtype == torch.int64 and labels.box_labels.dtype == torch.float32


def test_something_is_missing():
    results = sample([[10, 10, 30, 50]])
    del results['area']
    with pytest.raises(ValueError, match='PersonLabels: expected a key "area"'):
        PersonLabels().transform(results)
    assert repr(PersonLabels()) == 'PersonLabels(smallest=2.0, visible=0.1)'
