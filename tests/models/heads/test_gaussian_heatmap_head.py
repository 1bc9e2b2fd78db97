"""The head: a loss that means the same everywhere, no waiting for the device, a symmetric flip test."""

import copy

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.models.calibrations.covariance_map import CovarianceMap
from hybridkp.models.heads.gaussian_heatmap_head import _accuracy
from hybridkp.ops.calibration import Calibration, calibrate
from hybridkp.ops.covariance import from_sigmas, mirror
from hybridkp.ops.gaussian import render_gaussians

pytestmark = pytest.mark.usefixtures('mmpose_scope')
LEARNED = dict(type='AnisotropicHeatmap', covariance=dict(type='LearnedCovariance', relative_sigma=0.05))
FIXED = dict(type='IsotropicHeatmap', sigma=6.0)
FLIP_INDICES = [0, 2, 1]


def build(codec=FIXED, keypoints=3, channels=8, **options):
    head = dict(type='GaussianHeatmapHead', in_channels=channels, num_keypoints=keypoints, codec=codec)
    return MODELS.build(dict(head, loss=dict(type='KeypointMSELoss', use_target_weight=True), **options))


def passing(codec=FIXED, **options):
    """A head whose features are its heatmaps, or their logits."""
    head = build(codec, **options)
    head.final_layer = torch.nn.Identity()
    return head


def inside(generator, batch=2, keypoints=3, side=96):
    """Keypoints (B, K, 2) whose whole Gaussian lies inside a square input."""
    return 30 + (side - 60) * torch.rand(batch, keypoints, 2, generator=generator)


def flip_samples(count=2):
    return [PoseDataSample(metainfo=dict(flip_indices=FLIP_INDICES)) for _ in range(count)]


@pytest.mark.parametrize('codec', [FIXED, dict(FIXED, stride=2), dict(type='IsotropicHeatmap', relative_sigma=0.05)])
@pytest.mark.parametrize('side', [96, 160])
def test_loss_of_an_empty_prediction_is_1(codec, side, make_samples, generator):
    head = passing(codec)
    samples = make_samples(inside(generator, side=side), torch.ones(2, 3), (side, side))
    empty = torch.zeros(2, 3, side // head.codec.stride, side // head.codec.stride)
    assert head.loss((empty,), samples)['loss_keypoint'].item() == pytest.approx(1, abs=0.01)


def test_loss_of_the_target_itself_is_0_and_the_accuracy_1(make_samples, generator):
    head, keypoints = passing(), inside(generator)
    target = head.codec.encode(keypoints, head.codec.target_covariance(keypoints, (96, 96)), (24, 24))
    losses = head.loss((target,), make_samples(keypoints, torch.ones(2, 3), (96, 96)))
    assert losses == {'loss_keypoint': 0, 'acc_pose': 1}


def test_weights_take_keypoints_out(make_samples, generator):
    head, keypoints, empty = passing(), inside(generator), torch.zeros(2, 3, 24, 24)
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    loss = head.loss((empty,), make_samples(keypoints, weights, (96, 96)))['loss_keypoint']
    assert loss.item() == pytest.approx(0.5, abs=0.01)
    moved = torch.where(weights[..., None] > 0, keypoints, float('nan'))
    wrong = torch.where(weights[..., None, None] > 0, empty, 7.0).requires_grad_()
    changed = head.loss((wrong,), make_samples(moved, weights, (96, 96)))['loss_keypoint']
    assert changed.item() == pytest.approx(loss.item())
    changed.backward()
    assert (wrong.grad.abs().sum(dim=(2, 3)) > 0).equal(weights > 0)
    nothing = head.loss((empty,), make_samples(keypoints, torch.zeros(2, 3), (96, 96)))
    assert nothing == {'loss_keypoint': 0, 'acc_pose': 0}


def test_learned_covariances_are_in_the_loss_and_are_learned(make_samples, generator):
    head = build(LEARNED)
    head.init_weights()
    feats = torch.randn(2, 8, 24, 24, generator=generator)
    losses = head.loss((feats,), make_samples(inside(generator), torch.ones(2, 3), (96, 96)))
    assert losses['loss_covariance'].item() == pytest.approx(0.1)
    (losses['loss_keypoint'] + losses['loss_covariance']).backward()
    assert all(parameter.grad.any() for parameter in head.parameters())


@pytest.mark.parametrize('sigmoid', [False, True])
@pytest.mark.parametrize('codec', [FIXED, LEARNED])
def test_a_step_needs_no_value_from_the_device(codec, sigmoid, make_samples):
    """On the device 'meta' there are no values: whatever asks for one raises."""
    head = build(codec, sigmoid=sigmoid).to('meta')
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.empty(1, device='meta').item()
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (96, 96))
    losses = head.loss((torch.empty(2, 8, 24, 24, device='meta'),), samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(value.device.type == 'meta' for value in losses.values())
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_loss_under_autocast_is_nearly_the_same(make_samples, generator):
    head, feats = build(LEARNED), torch.randn(2, 8, 24, 24, generator=generator)
    samples = make_samples(inside(generator), torch.ones(2, 3), (96, 96))
    exact = head.loss((feats,), samples)
    with torch.autocast('cpu', torch.bfloat16):
        low = head.loss((feats,), samples)
    assert all(value.dtype == torch.float32 for value in low.values())
    assert low['loss_keypoint'].item() == pytest.approx(exact['loss_keypoint'].item(), rel=0.02)


def test_sigmoid_gives_the_same_as_heatmaps_of_probabilities(make_samples, generator):
    logits = torch.randn(2, 3, 24, 24, generator=generator, requires_grad=True)
    samples = make_samples(inside(generator), torch.ones(2, 3), (96, 96))
    head, plain = passing(sigmoid=True), passing()
    torch.testing.assert_close(head((logits,)), logits.sigmoid())
    losses = head.loss((logits,), samples)
    assert losses == plain.loss((logits.sigmoid(),), samples)
    losses['loss_keypoint'].backward()
    assert logits.grad.isfinite().all() and logits.grad.any()
    one, other = head.predict((logits,), flip_samples()), plain.predict((logits.sigmoid(),), flip_samples())
    assert all(torch.equal(a.keypoints, b.keypoints) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_probabilities_are_computed_in_float32_at_least(dtype, make_samples, generator):
    logits = torch.tensor([-20.0, -9.0, 0.0, 9.0, 20.0]).expand(2, 3, 24, 5).to(dtype).clone().requires_grad_()
    head = passing(sigmoid=True)
    with torch.autocast('cpu', torch.bfloat16):
        heatmaps = head((logits,))
        losses = head.loss((logits,), make_samples(inside(generator), torch.ones(2, 3), (20, 96)))
    assert heatmaps.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(heatmaps, logits.to(heatmaps.dtype).sigmoid())
    # float16 and bfloat16 would make a probability of 1 - 1e-4 exactly 1
    assert (heatmaps[..., 3] < 1).all() and (heatmaps[..., 0] > 0).all()
    losses['loss_keypoint'].backward()
    assert losses['loss_keypoint'].dtype == torch.float32 and logits.grad.isfinite().all()


def test_codec_of_another_stride_is_refused(make_samples, generator):
    samples = make_samples(inside(generator), torch.ones(2, 3), (96, 96))
    with pytest.raises(ValueError, match=r'maps are \(12, 12\) cells .* \(96, 96\) px has \(24, 24\) at .* 4 px'):
        passing().loss((torch.zeros(2, 3, 12, 12),), samples)
    rounded_up = make_samples(inside(generator), torch.ones(2, 3), (94, 93))
    assert passing().loss((torch.zeros(2, 3, 24, 24),), rounded_up)['loss_keypoint'].isfinite()


def test_accuracy_by_hand():
    # a map of 30 x 40 cells has a diagonal of 50, a twentieth of which are 2.5 cells
    targets, heatmaps = torch.zeros(1, 4, 30, 40), torch.zeros(1, 4, 30, 40)
    targets[..., 10, 10] = 1
    for keypoint, (y, x) in enumerate([(10, 10), (12, 11), (12, 12), (25, 10)]):
        heatmaps[0, keypoint, y, x] = 0.3
    # distances 0, 2.24, 2.83 and 15
    assert _accuracy(heatmaps, targets, torch.ones(1, 4)) == 0.5
    assert _accuracy(heatmaps, targets, torch.tensor([[1.0, 1.0, 0.0, 0.0]])) == 1
    assert _accuracy(heatmaps, targets, torch.tensor([[1.0, 0.0, 1.0, 1.0]])).item() == pytest.approx(1 / 3)
    assert _accuracy(heatmaps, targets, torch.zeros(1, 4)) == 0


def test_forward_takes_the_finest_map():
    head = build()
    assert head((torch.rand(2, 8, 24, 20), torch.rand(2, 5, 1, 1))).shape == (2, 3, 24, 20)


def test_predicts_what_was_encoded(generator):
    head, keypoints = passing(), inside(generator)
    covariance = from_sigmas(*(4 + 3 * torch.rand(3, 2, 3, generator=generator)).unbind())
    instances = head.predict((head.codec.encode(keypoints, covariance, (24, 24)),), flip_samples())
    assert len(instances) == 2
    for index, instance in enumerate(instances):
        assert set(instance.keys()) == {'keypoints', 'keypoint_scores', 'keypoint_covariances'}
        assert instance.keypoints.shape == (1, 3, 2) and instance.keypoint_scores.shape == (1, 3)
        torch.testing.assert_close(instance.keypoints[0], keypoints[index], rtol=0, atol=0.02)
        torch.testing.assert_close(instance.keypoint_covariances[0], covariance[index], rtol=0.01, atol=0.1)


def random_heatmaps(generator):
    """Maps (2, 3, 24, 20) that a network might give: Gaussians of some height with noise."""
    points = 4 + 12 * torch.rand(2, 3, 2, generator=generator)
    covariance = from_sigmas(*(1 + 2 * torch.rand(3, 2, 3, generator=generator)).unbind())
    height = 0.3 + 0.6 * torch.rand(2, 3, 1, 1, generator=generator)
    maps = height * render_gaussians(points, covariance, (24, 20))
    return maps + 0.02 * torch.randn(maps.shape, generator=generator)


def test_flip_test_of_a_mirrored_sample_is_mirrored(generator):
    """What the network says of an image and of its mirror image may differ: the flip test makes it agree."""
    head, one, other = passing(), random_heatmaps(generator), random_heatmaps(generator)
    seen = head.predict([(one,), (other,)], flip_samples(), dict(flip_test=True))
    mirrored = head.predict([(other,), (one,)], flip_samples(), dict(flip_test=True))
    for there, back in zip(seen, mirrored, strict=True):
        wanted = there.keypoints[:, FLIP_INDICES] * torch.tensor([-1, 1]) + torch.tensor([79, 0])
        torch.testing.assert_close(back.keypoints, wanted, rtol=0, atol=1e-3)
        torch.testing.assert_close(back.keypoint_scores, there.keypoint_scores[:, FLIP_INDICES])
        wanted = mirror(there.keypoint_covariances[:, FLIP_INDICES])
        torch.testing.assert_close(back.keypoint_covariances, wanted, rtol=1e-3, atol=1e-2)


def test_flip_test_refuses_widths_that_are_no_multiple_of_the_stride():
    head, logits = passing(), torch.randn(1, 3, 8, 32)
    sample = PoseDataSample(metainfo=dict(flip_indices=FLIP_INDICES, input_size=(126, 32)))
    assert len(head.predict((logits,), [sample])) == 1
    with pytest.raises(ValueError, match='width is a multiple of 4 px, not 126 px'):
        head.predict([(logits,), (logits,)], [sample], dict(flip_test=True))


def test_flip_test_of_an_equivariant_network_changes_nothing(generator):
    head, maps = passing(), random_heatmaps(generator)
    views = [(maps,), (maps.flip(-1)[:, FLIP_INDICES],)]
    once = head.predict(views[0], flip_samples())
    twice = head.predict(views, flip_samples(), dict(flip_test=True))
    for plain, merged in zip(once, twice, strict=True):
        torch.testing.assert_close(merged.keypoints, plain.keypoints, rtol=0, atol=1e-3)
        torch.testing.assert_close(merged.keypoint_scores, plain.keypoint_scores)
        torch.testing.assert_close(merged.keypoint_covariances, plain.keypoint_covariances, rtol=1e-3, atol=1e-2)


def test_flip_test_weighs_by_scores_and_widens_where_the_views_disagree():
    head, covariance = passing(), (36 * torch.eye(2)).expand(1, 3, 2, 2)
    points = torch.tensor([[[41.5, 40.0], [41.5, 40.0], [41.5, 40.0]]])
    there = head.codec.encode(points, covariance, (24, 24))
    # seen again 8 px further right, that is 8 px further left in the mirror image, at a third of the height
    mirrored = torch.stack((95 - (points[..., 0] + 8), points[..., 1]), dim=-1)
    again = head.codec.encode(mirrored, covariance, (24, 24)) / 3
    instance = head.predict([(there,), (again,)], flip_samples(1), dict(flip_test=True))[0]
    # weights 3/4 and 1/4: the mean is 2 px further right, the spread along x 3/4 * 2^2 + 1/4 * 6^2 = 12 px^2
    torch.testing.assert_close(instance.keypoints[0], points[0] + torch.tensor([2.0, 0.0]), rtol=0, atol=0.02)
    wanted = torch.diag(torch.tensor([48.0, 36.0])).expand(3, 2, 2)
    torch.testing.assert_close(instance.keypoint_covariances[0], wanted, rtol=0.01, atol=0.1)
    expected = (there.amax(dim=(2, 3)) + again.amax(dim=(2, 3))) / 2
    torch.testing.assert_close(instance.keypoint_scores, expected)


def test_config_is_left_alone_and_the_codec_belongs_to_the_head():
    config = copy.deepcopy(LEARNED)
    head = build(config)
    assert config == LEARNED
    names = {name for name in head.state_dict() if not name.startswith('calibration.')}
    assert names == {'codec.covariance.cholesky', 'final_layer.weight', 'final_layer.bias'}


@pytest.mark.parametrize('views', [1, 2])
def test_covariances_are_calibrated_last_and_points_are_not(views, generator):
    head, maps = passing(), [(random_heatmaps(generator),) for _ in range(views)]
    feats, test_cfg = (maps, dict(flip_test=True)) if views == 2 else (maps[0], None)
    plain = head.predict(feats, flip_samples(), test_cfg)
    fitted = Calibration.identity(3)._replace(
        log_scale=torch.tensor([0.5, -0.5, 0.0]), offset=torch.eye(2).repeat(3, 1, 1)
    )
    head.calibration.assign(fitted)
    for before, after in zip(plain, head.predict(feats, flip_samples(), test_cfg), strict=True):
        assert torch.equal(after.keypoints, before.keypoints)
        assert torch.equal(after.keypoint_scores, before.keypoint_scores)
        torch.testing.assert_close(after.keypoint_covariances, calibrate(before.keypoint_covariances, fitted))
    views = [head.view(view) for view in maps]
    (own, _), (other, _) = (head.decode(views, flip_samples(), one) for one in (None, CovarianceMap(3)))
    assert torch.equal(other.keypoint_covariances, plain[0].keypoint_covariances)
    assert not torch.equal(own.keypoint_covariances, plain[0].keypoint_covariances)
