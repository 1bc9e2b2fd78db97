"""Estimators that predict together."""

import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.ops.covariance import merge

pytestmark = pytest.mark.usefixtures('mmpose_scope')
MEMBER = dict(
    type='KeypointEstimator',
    backbone=dict(type='HybridNet', variant='s'),
    neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=8),
    head=dict(
        type='GaussianHeatmapHead',
        in_channels=8,
        num_keypoints=3,
        codec=dict(type='IsotropicHeatmap', sigma=6),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
)


def build(count):
    torch.manual_seed(0)
    return MODELS.build(dict(type='KeypointEnsemble', members=[MEMBER] * count)).eval()


def make_tests(count):
    samples = []
    for _ in range(count):
        meta = dict(input_size=(64, 96), input_center=[50, 40], input_scale=[32, 48], flip_indices=[0, 1, 2])
        samples.append(PoseDataSample(metainfo=meta))
        samples[-1].gt_instances = InstanceData(bboxes=torch.zeros(1, 4).numpy(), bbox_scores=torch.ones(1).numpy())
    return samples


def predict(model, images):
    with torch.no_grad():
        return [sample.pred_instances for sample in model(images, make_tests(len(images)), mode='predict')]


def test_members_that_agree_predict_what_one_predicts():
    model, images = build(3), torch.randn(2, 3, 96, 64)
    for member in model.members[1:]:
        member.load_state_dict(model.members[0].state_dict())
    for together, alone in zip(predict(model, images), predict(model.members[0], images), strict=True):
        assert set(together.keys()) == set(alone.keys())
        for name in ('keypoints', 'keypoint_scores', 'keypoint_covariances'):
            assert together[name].shape == alone[name].shape
            assert together[name] == pytest.approx(alone[name], rel=1e-4, abs=1e-4)


def test_predictions_are_merged_in_image_pixels():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    (together,), *alone = (predict(part, images) for part in (model, *model.members))
    stacked = [
        torch.stack([torch.as_tensor(one[name]) for (one,) in alone])
        for name in ('keypoints', 'keypoint_covariances', 'keypoint_scores')
    ]
    points, covariances = merge(*stacked)  # merging and scaling to the image commute
    assert together.keypoints == pytest.approx(points.numpy(), abs=1e-3)
    assert together.keypoint_covariances == pytest.approx(covariances.numpy(), rel=1e-3, abs=1e-3)
    assert together.keypoint_scores == pytest.approx(stacked[2].mean(dim=0).numpy())


def test_heatmaps_are_averaged():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        maps = [member(images) for member in model.members]
        torch.testing.assert_close(model(images), (maps[0] + maps[1]) / 2)


def test_no_training_and_no_empty_ensemble():
    with pytest.raises(ValueError, match='one by one'):
        build(2)(torch.randn(1, 3, 96, 64), [], mode='loss')
    with pytest.raises(ValueError, match='at least one'):
        build(0)
