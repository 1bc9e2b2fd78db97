from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATASETS

from hybridkp import stack
from hybridkp.datasets.keypoint_labels import KeypointLabels

ROOT = Path(__file__).parents[2]


def sample(points, visible):
    return dict(
        keypoints=np.zeros((1, len(points), 2), dtype=np.float32),
        transformed_keypoints=np.array([points], dtype=np.float64),
        keypoints_visible=np.array([visible], dtype=np.float32),
        input_size=(8, 6),
        bbox_scale=np.array([[8.0, 6.0]]),
    )


def test_the_input_reaches_half_a_pixel_beyond_its_outer_pixel_centres():
    points = [[-0.5, -0.5], [7.4, 5.4], [7.5, 0], [0, 5.5], [-0.6, 0], [3, 2]]
    results = KeypointLabels()(sample(points, [1, 1, 1, 1, 1, 0]))
    assert results['keypoint_weights'].tolist() == [[1, 1, 0, 0, 0, 0]]
    np.testing.assert_allclose(results['keypoint_labels'][0, :5], np.float32(points[:5]))
    assert results['keypoint_labels'][0, 5].tolist() == [0, 0]
    assert results['keypoint_labels'].dtype == results['keypoint_weights'].dtype == np.float32


def test_visibilities_with_weights_beside_them():
    results = KeypointLabels()(sample([[1, 1], [2, 2]], [[1, 0], [0, 1]]))
    assert results['keypoint_weights'].tolist() == [[1, 0]]


def test_never_a_number_that_is_not_finite():
    results = KeypointLabels()(sample([[np.nan, 1], [np.inf, 2], [np.nan, np.nan]], [1, 1, 0]))
    assert results['keypoint_labels'].tolist() == [[[0, 0]] * 3]
    assert results['keypoint_weights'].tolist() == [[0, 0, 0]]


def test_samples_without_keypoints_pass_and_those_that_were_not_cropped_are_refused():
    inference = dict(transformed_keypoints=np.zeros([]), keypoints_visible=np.ones((1, 1, 1)))
    assert KeypointLabels()(dict(inference)).keys() == inference.keys()
    with pytest.raises(ValueError, match='expected a key "transformed_keypoints"'):
        KeypointLabels()(dict(keypoints=np.ones((1, 2, 2)), keypoints_visible=np.ones((1, 2))))


def build(*augmentations):
    stack.mend()
    import mmpose.datasets  # noqa: F401

    pipeline = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale'), *augmentations]
    pipeline += [dict(type='TopdownAffine', input_size=(48, 64)), dict(type='KeypointLabels')]
    pipeline += [dict(type='PackPoseInputs')]
    return DATASETS.build(
        dict(
            type='CocoKeypoints',
            ann_file='annotations/person_keypoints_val2017.json',
            data_root=str(ROOT / 'tests' / 'data' / 'coco'),
            data_prefix=dict(img='val2017'),
            skeleton=Config.fromfile(ROOT / 'configs' / '_base_' / 'skeletons' / 'coco17.py').skeleton,
            pipeline=[dict(part, type='mmpose.' + part['type']) for part in pipeline],
        )
    )


def test_labels_are_packed_and_lead_back_to_the_annotation():
    coco = build()
    for i in (0, 20, 40):
        info, packed = coco.get_data_info(i), coco[i]['data_samples']
        labels, weights = (
            packed.gt_instance_labels.keypoint_labels,
            packed.gt_instance_labels.keypoint_weights,
        )
        assert labels.shape == (1, 17, 2) and weights.shape == (1, 17)
        assert labels.dtype == weights.dtype == torch.float32
        # without rotation the crop is a scaling about the box's centre (mmpose's rule: size / size)
        scale = packed.input_scale / np.array([48, 64])
        points = (labels[0].numpy() - np.array([24, 32])) * scale + packed.input_center
        visible = info['keypoints_visible'][0] > 0
        np.testing.assert_allclose(points[visible], info['keypoints'][0, visible], atol=1e-2)
        np.testing.assert_array_equal(weights[0] > 0, visible)


def test_mirroring_swaps_left_and_right():
    plain, mirrored = build(), build(dict(type='RandomFlip', prob=1.0))
    flip = plain.metainfo['flip_indices']
    a, b = (part[0]['data_samples'].gt_instance_labels for part in (plain, mirrored))
    np.testing.assert_array_equal(a.keypoint_weights[:, flip], b.keypoint_weights)
    kept = b.keypoint_weights[0] > 0
    np.testing.assert_allclose(a.keypoint_labels[0, flip][kept, 1], b.keypoint_labels[0, kept, 1], atol=1e-3)


def test_with_mmposes_augmentations():
    np.random.seed(0)
    coco = build(dict(type='RandomFlip'), dict(type='RandomHalfBody', prob=1.0), dict(type='RandomBBoxTransform'))
    for i in range(0, 55, 6):
        labels = coco[i]['data_samples'].gt_instance_labels
        assert labels.keypoint_labels.shape == (1, 17, 2) and labels.keypoint_weights.shape == (1, 17)
        assert labels.keypoint_labels.isfinite().all()


def test_jacobian_is_that_of_flip_turn_and_scale():
    np.random.seed(0)
    turn = dict(type='RandomBBoxTransform', rotate_prob=1.0, rotate_factor=60)
    coco = build(dict(type='RandomFlip', prob=0.5), turn)
    seen = set()
    for i in range(0, 40, 2):
        info, packed = coco.get_data_info(i), coco[i]['data_samples']
        labels = packed.gt_instance_labels
        jacobian = labels.input_jacobians[0].numpy()
        order = coco.metainfo['flip_indices'] if packed.flip else range(17)
        points, placed = info['keypoints'][0][list(order)], labels.keypoint_labels[0].numpy()
        kept = np.flatnonzero(labels.keypoint_weights[0])
        if len(kept) < 2:
            continue
        expected = (points[kept] - points[kept[0]]) @ jacobian.T
        np.testing.assert_allclose(placed[kept] - placed[kept[0]], expected, atol=0.02)
        assert (np.linalg.det(jacobian) < 0) == packed.flip
        area = info['area'] * abs(np.linalg.det(jacobian))
        np.testing.assert_allclose(labels.instance_areas.numpy(), [area], rtol=1e-5)
        seen.add(packed.flip)
    assert seen == {True, False}
