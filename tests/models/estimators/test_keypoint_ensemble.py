"""Estimators that predict together."""

import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch.nn import functional

from hybridkp.errors import InputError
from hybridkp.ops.calibration import Calibration

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


@pytest.mark.parametrize('flip_test', [False, True])
def test_points_are_those_of_the_mean_of_the_heatmaps(flip_test):
    model, images = build(2), torch.randn(1, 3, 96, 64)
    for member in model.members:
        member.test_cfg = dict(flip_test=flip_test)
    (together,) = predict(model, images)
    head = model.members[0].head
    with torch.no_grad():
        views = [model(view) for view in ([images, images.flip(-1)] if flip_test else [images])]
        (expected,) = head.decode(views, make_tests(1))
    corner = torch.tensor([50 - 16, 40 - 24])  # the input is twice as large as its part of the image
    assert together.keypoints == pytest.approx((expected.keypoints / 2 + corner).numpy(), abs=1e-3)
    alone = predict(model.members[0], images) + predict(model.members[1], images)
    apart = [one.keypoints - together.keypoints for one in alone]
    moments = [
        one.keypoint_covariances + d[..., :, None] * d[..., None, :] for one, d in zip(alone, apart, strict=True)
    ]
    assert together.keypoint_covariances == pytest.approx(sum(moments) / 2, rel=1e-3)
    assert together.keypoint_scores == pytest.approx(expected.keypoint_scores.numpy(), rel=1e-5)


def test_members_look_near_prior_points():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    for member in model.members:
        member.test_cfg = dict(search_radius=0.1)  # 7.8 px of the input are 3.9 px of the image
    (anywhere,) = predict(model, images)
    for place in ([40.0, 30.0], [55.0, 50.0]):
        (sample,) = make_tests(1)
        sample.set_metainfo(dict(prior_keypoints=torch.tensor(place).expand(1, 3, 2).numpy()))
        with torch.no_grad():
            (found,) = model(images, [sample], mode='predict')
        near = found.pred_instances.keypoints
        assert torch.from_numpy(near - place).norm(dim=-1).max() < 3.9 + 2  # a fit may leave the highest cell
        assert near != pytest.approx(anywhere.keypoints, abs=0.1)


@pytest.mark.parametrize('shift', [3, 8, 20])
def test_members_that_disagree_are_less_certain(shift):
    """However far apart they are, of which the mean heatmap, with two peaks, would know nothing."""
    model = build(2)
    head, codec = model.members[0].head, model.members[0].head.codec
    points = torch.tensor([[[20.0, 40.0]] * 3])
    covariance = codec.target_covariance(points, (96, 64))
    first, second = (codec.encode(points + torch.tensor([d, 0.0]), covariance, (24, 16)) for d in (0, shift))
    points, _, together = head.decode_together([[first], [1.01 * second]])
    if shift == 3:
        torch.testing.assert_close(points[0, 0], torch.tensor([21.5, 40]), atol=0.1, rtol=0)
    distance = float(points[0, 0, 0] - 20)
    spread = (distance**2 + (shift - distance) ** 2) / 2
    assert together[0, :, 0, 0].tolist() == pytest.approx([36 + spread] * 3, rel=0.05)
    assert together[0, :, 1, 1].tolist() == pytest.approx([36] * 3, rel=0.05)


def test_maps_that_are_more_than_heatmaps_have_one_scale():
    likelihood = MEMBER['head'] | dict(type='LikelihoodHead', likelihood=dict(type='CovarianceLikelihood'))
    members = [MEMBER | dict(head=likelihood)] * 2
    model = MODELS.build(dict(type='KeypointEnsemble', members=members)).eval()
    assert len(predict(model, torch.randn(1, 3, 96, 64))) == 1
    model.scales = (1, 1.1)
    with pytest.raises(InputError, match=r'expected scales=\[1\] of a LikelihoodHead'):
        predict(model, torch.randn(1, 3, 96, 64))


def test_the_ensemble_has_a_calibration_of_its_own():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    (plain,), alone = predict(model, images), [predict(member, images)[0] for member in model.members]
    wider = Calibration.identity(3)._replace(log_scale=torch.full((3,), 4.0).log())
    for member in model.members:
        member.head.calibration.assign(wider)
        assert predict(member, images)[0].keypoint_covariances == pytest.approx(4 * alone.pop(0).keypoint_covariances)
    assert (predict(model, images)[0].keypoint_covariances == plain.keypoint_covariances).all()
    other = build(2)
    model.calibration.assign(wider._replace(conformal=torch.tensor(0.5)))
    other.load_state_dict(model.state_dict())
    (after,) = predict(other, images)
    assert after.keypoint_covariances == pytest.approx(2 * plain.keypoint_covariances)
    assert (after.keypoints == plain.keypoints).all()


def test_a_calibration_that_all_members_share_is_that_of_the_ensemble():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    (plain,) = predict(model, images)
    wider = Calibration.identity(3)._replace(log_scale=torch.full((3,), 4.0).log())
    for member, size in zip(model.members, (1, 4), strict=True):
        member.head.calibration.assign(wider)
        model.share_calibration()
        assert predict(model, images)[0].keypoint_covariances == pytest.approx(size * plain.keypoint_covariances)


def test_heatmaps_are_averaged():
    model, images = build(2), torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        maps = [member(images) for member in model.members]
        torch.testing.assert_close(model(images), (maps[0] + maps[1]) / 2)


def test_scales_look_at_the_same_points():
    """An image is its own heatmap here: what is zoomed and zoomed back stays where it is."""
    head = build(1).members[0].head
    points = torch.tensor([[[20.0, 40.0], [33.0, 70.0], [45.5, 22.25]]])
    covariance = head.codec.target_covariance(points, (96, 64))
    model = build(1)
    model.scales = (0.9, 1.0, 1.15)
    sizes = []

    def look(_, images):
        sizes.append(images)
        return [functional.avg_pool2d(images, head.codec.stride)]

    maps = head.codec.encode(points, covariance, (24, 16))
    inputs = functional.interpolate(maps, scale_factor=head.codec.stride, mode='bicubic')
    found, _, _ = head.decode_together(model._looks(look, inputs))
    assert len(sizes) == 3 and sizes[1] is inputs
    (alone,) = head.decode([functional.avg_pool2d(inputs, head.codec.stride)], make_tests(1))
    torch.testing.assert_close(found, alone.keypoints, atol=0.3, rtol=0)


def test_no_training_and_no_empty_ensemble():
    with pytest.raises(ValueError, match='one by one'):
        build(2)(torch.randn(1, 3, 96, 64), [], mode='loss')
    with pytest.raises(ValueError, match='at least one'):
        build(0)
    with pytest.raises(ValueError, match='one scale'):
        MODELS.build(dict(type='KeypointEnsemble', members=[MEMBER], scales=()))


def test_a_batch_of_a_loader_is_predicted():
    model, images = build(2), torch.randn(2, 3, 96, 64)
    samples = make_tests(2)
    predicted = model.test_step(dict(inputs=images, data_samples=samples))
    assert predicted[0] is samples[0] and predicted[1] is samples[1]
    for sample, expected in zip(predicted, predict(model, images), strict=True):
        assert (sample.pred_instances.keypoints == expected.keypoints).all()
