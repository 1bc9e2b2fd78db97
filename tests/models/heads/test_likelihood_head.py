"""The head that regresses covariances: what it learns, where it looks, and what it shares with its parent."""

import copy
import math

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.models.heads.likelihood_head import _windows
from hybridkp.ops.covariance import from_sigmas, mirror
from hybridkp.ops.gaussian import render_gaussians

pytestmark = pytest.mark.usefixtures('mmpose_scope')
LEARNED = dict(type='AnisotropicHeatmap', covariance=dict(type='LearnedCovariance', relative_sigma=0.05))
FIXED = dict(type='IsotropicHeatmap', sigma=6.0)
FLIP_INDICES = [0, 2, 1]
SIDE, CELLS = 96, 24


def build(codec=FIXED, kind='gaussian', keypoints=3, channels=8, **options):
    config = dict(
        type='LikelihoodHead',
        in_channels=channels,
        num_keypoints=keypoints,
        codec=codec,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        likelihood=dict(type='CovarianceLikelihood', kind=kind),
        **options,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MODELS.build(config)


def passing(codec=FIXED, **options):
    """A head whose features begin with its heatmaps; the rest, and they, make the covariances."""
    head = build(codec, **options)
    with torch.no_grad():
        head.final_layer.weight.copy_(torch.eye(*head.final_layer.weight.shape[:2])[..., None, None])
        head.final_layer.bias.zero_()
    return head


def make_tests(count=2):
    return [PoseDataSample(metainfo=dict(flip_indices=FLIP_INDICES)) for _ in range(count)]


def features(generator, batch=2, keypoints=3, channels=8):
    """Maps (B, C, 24, 24), of which the first are Gaussians, and the points (B, K, 2) px of those."""
    points = 30 + (SIDE - 60) * torch.rand(batch, keypoints, 2, generator=generator)
    covariance = (36 * torch.eye(2)).expand(batch, keypoints, 2, 2)
    heatmaps = render_gaussians((points + 0.5) / 4 - 0.5, covariance / 16, (CELLS, CELLS))
    others = torch.randn(batch, channels - keypoints, CELLS, CELLS, generator=generator)
    return torch.cat((heatmaps, others), dim=1), points


def likelihood_of(head, feats, points, weights=None):
    weights = torch.ones(points.shape[:2]) if weights is None else weights
    return head._further_losses((feats,), head((feats,)), points, weights)['loss_likelihood']


def radii(kind, count, generator):
    """Draw distances (count,) under the identity of errors of a kind."""
    uniform = torch.rand(2, count, generator=generator).clamp(min=1e-9)
    return (-2 * uniform[0].log()).sqrt() if kind == 'gaussian' else -uniform.log().sum(dim=0) / math.sqrt(3)


@pytest.mark.parametrize('kind', ['gaussian', 'laplacian'])
def test_learns_the_noise_that_the_features_tell(kind, generator):
    """The features say which of three noises the label of a picture has."""
    noises = from_sigmas(torch.tensor([2.0, 6.0, 9.0]), torch.tensor([2.0, 2.0, 4.0]), torch.tensor([0, 0.6, -1.2]))
    factors, head = torch.linalg.cholesky(noises), passing(kind=kind, keypoints=1, channels=4)
    optimizer = torch.optim.Adam(head.cholesky_layer.parameters(), lr=0.1)
    steps, batch = 300, 96
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    which = torch.arange(batch) % 3
    feats, points = features(generator, batch, keypoints=1, channels=1)
    tells = torch.nn.functional.one_hot(which, 3).float()[..., None, None].expand(-1, -1, CELLS, CELLS)
    feats = torch.cat((feats, tells), dim=1)
    for _ in range(steps):
        angle = 2 * math.pi * torch.rand(batch, generator=generator)
        errors = radii(kind, batch, generator)[:, None] * torch.stack((angle.cos(), angle.sin()), dim=-1)
        labels = points + (factors[which] @ errors[..., None]).squeeze(-1)[:, None]
        optimizer.zero_grad()
        likelihood_of(head, feats, labels).backward()
        optimizer.step()
        schedule.step()
    predicted = torch.cat([instance.keypoint_covariances for instance in head.predict((feats,), make_tests(batch))])
    learned = torch.stack([predicted[which == noise].mean(dim=0)[0] for noise in range(3)])
    assert predicted.reshape(batch // 3, 3, 4).std(dim=0).max() < 0.5
    # as the identity, each is within the sampling error of a part of the steps' 32 errors
    whitened = torch.linalg.solve(factors, torch.linalg.solve(factors, learned).mT)
    torch.testing.assert_close(whitened, torch.eye(2).expand(3, 2, 2), rtol=0, atol=0.12)


def test_shapes_and_positive_definite(generator):
    head, (feats, _) = build(), features(generator)
    torch.nn.init.normal_(head.cholesky_layer.weight, std=20)
    assert head((feats,)).shape == (2, 3, CELLS, CELLS) and head.view((feats,)).shape == (2, 3, 4, CELLS, CELLS)
    for instance in head.predict((feats,), make_tests()):
        assert instance.keypoints.shape == (1, 3, 2) and instance.keypoint_scores.shape == (1, 3)
        assert instance.keypoint_covariances.shape == (1, 3, 2, 2)
        smallest = torch.linalg.eigvalsh(instance.keypoint_covariances.double()).min()
        assert smallest > 0.9 * (head.floor * 4) ** 2


def test_narrowest_covariance_is_the_floor(generator):
    head, (feats, _) = build(), features(generator)
    with torch.no_grad():
        head.cholesky_layer.weight.zero_()
        head.cholesky_layer.bias.copy_(torch.tensor([-100.0, 0.0, -100.0]).repeat(3))
    covariances = head.predict((feats,), make_tests())[0].keypoint_covariances[0]
    torch.testing.assert_close(covariances, (0.16 * torch.eye(2)).expand(3, 2, 2))


def test_covariance_by_hand(generator):
    head, (feats, _) = passing(), features(generator)
    with torch.no_grad():
        head.cholesky_layer.weight.zero_()
        # softplus is 2 and 1 cells
        start = torch.tensor([2.0, 1.0]).expm1().log()
        head.cholesky_layer.bias.copy_(torch.tensor([start[0], -3, start[1]]).repeat(3))
    wanted = 16 * (torch.tensor([[2.0, 0], [-3, 1]]) @ torch.tensor([[2.0, -3], [0, 1]]) + 0.01 * torch.eye(2))
    covariances = head.predict((feats,), make_tests())[0].keypoint_covariances[0]
    torch.testing.assert_close(covariances, wanted.expand(3, 2, 2))


def test_points_and_scores_are_those_of_the_parent(generator):
    head, (feats, _) = passing(), features(generator)
    options = dict(in_channels=8, num_keypoints=3, codec=FIXED, loss=dict(type='KeypointMSELoss'))
    parent = MODELS.build(dict(type='GaussianHeatmapHead', **options))
    parent.load_state_dict({name: value for name, value in head.state_dict().items() if 'cholesky' not in name})
    views = [(feats,), (feats.flip(-1)[:, [0, 2, 1, *range(3, 8)]],)]
    for cfg, given in (({}, views[0]), (dict(flip_test=True), views)):
        for ours, theirs in zip(
            head.predict(given, make_tests(), cfg), parent.predict(given, make_tests(), cfg), strict=True
        ):
            torch.testing.assert_close(ours.keypoints, theirs.keypoints, rtol=0, atol=1e-4)
            assert torch.equal(ours.keypoint_scores, theirs.keypoint_scores)
            assert not torch.allclose(ours.keypoint_covariances, theirs.keypoint_covariances, rtol=0.1)


def test_point_of_training_is_nearly_that_of_decoding(generator):
    head, (feats, points) = passing(), features(generator, batch=50)
    noisy = head((feats,)) + 0.02 * torch.randn(50, 3, CELLS, CELLS, generator=generator)
    for heatmaps, atol in ((head((feats,)), 0.1), (0.5 * noisy, 0.4)):
        cells, shares = _windows(heatmaps)
        torch.testing.assert_close(shares.sum(dim=-1), torch.ones(50, 3))
        torch.testing.assert_close(head._points(cells, shares, CELLS), points, rtol=0, atol=atol)


def test_only_the_neighbourhood_counts(generator):
    head, (feats, _) = passing(), features(generator, batch=1)
    feats.requires_grad_()
    head.predict((feats,), make_tests(1))[0].keypoint_covariances[0, 0].sum().backward()
    cells, shares = _windows(head((feats,)))
    counts = torch.zeros(CELLS**2, dtype=torch.bool).index_fill(0, cells[0, 0][shares[0, 0] > 1e-3], True)
    seen = feats.grad[0, 3:].abs().sum(dim=0).flatten() > 0
    assert 10 < counts.sum() < 60 and (seen & counts).equal(counts)
    assert feats.grad[0, 3:].flatten(1)[:, ~counts].abs().max() < 1e-2 * feats.grad[0, 3:].abs().max()


@pytest.mark.parametrize('where', [(0, 0), (95, 95), (2, 93)])
def test_windows_stay_inside_the_map(where):
    heatmaps = render_gaussians(torch.tensor([[where]]) / 4, (2 * torch.eye(2)).expand(1, 1, 2, 2), (24, 24))
    cells, shares = _windows(heatmaps)
    assert cells.shape == (1, 1, 81) and len(set(cells.flatten().tolist())) == 81
    assert 0 <= cells.min() and cells.max() < 24 * 24
    highest = cells.flatten()[shares.argmax()]
    assert highest == heatmaps.argmax()
    assert _windows(heatmaps[..., :5, :3])[0].shape == (1, 1, 15)


@pytest.mark.parametrize('value', [0.0, -1.0, float('nan')])
def test_maps_without_a_peak_have_the_covariance_of_the_codec(value):
    head, feats = passing(), torch.full((2, 8, CELLS, CELLS), value)
    instance = head.predict((feats,), make_tests())[0]
    assert not instance.keypoint_scores.any()
    assert torch.equal(instance.keypoint_covariances[0], head.codec.decode(feats[:, :3])[2][0])
    # training goes on from such a map
    if value <= 0:
        loss = likelihood_of(head, feats, torch.full((2, 3, 2), 50.0))
        loss.backward()
        assert loss.isfinite() and head.cholesky_layer.bias.grad.isfinite().all()


def test_flip_test_of_a_mirrored_sample_is_mirrored(generator):
    head, (one, _), (other, _) = passing(), features(generator), features(generator)
    torch.nn.init.normal_(head.cholesky_layer.weight, generator=generator)
    seen = head.predict([(one,), (other,)], make_tests(), dict(flip_test=True))
    back = head.predict([(other,), (one,)], make_tests(), dict(flip_test=True))
    for there, here in zip(seen, back, strict=True):
        wanted = there.keypoints[:, FLIP_INDICES] * torch.tensor([-1, 1]) + torch.tensor([SIDE - 1, 0])
        torch.testing.assert_close(here.keypoints, wanted, rtol=0, atol=1e-3)
        wanted = mirror(there.keypoint_covariances[:, FLIP_INDICES])
        torch.testing.assert_close(here.keypoint_covariances, wanted, rtol=1e-3, atol=1e-2)


def test_views_of_several_networks_are_averaged(generator):
    head, (feats, points) = passing(), features(generator)
    other = copy.deepcopy(head)
    torch.nn.init.normal_(other.cholesky_layer.weight, generator=generator)
    views = [network.view((feats,)) for network in (head, other)]
    alone = head.predict((feats,), make_tests())
    same, mean = (head.decode([torch.stack(pair).mean(dim=0)], make_tests()) for pair in (views[:1] * 2, views))
    for index in range(2):
        torch.testing.assert_close(same[index].keypoint_covariances, alone[index].keypoint_covariances)
        torch.testing.assert_close(mean[index].keypoints[0], points[index], rtol=0, atol=0.02)
        assert not torch.allclose(mean[index].keypoint_covariances, alone[index].keypoint_covariances, rtol=0.01)


def test_heatmaps_alone_are_decoded_as_by_the_parent(generator):
    head, (feats, _) = passing(), features(generator)
    (instance, _) = head.decode([head((feats,))], make_tests())
    assert torch.equal(instance.keypoint_covariances[0], head.codec.decode(feats[:, :3])[2][0])


@pytest.mark.parametrize('detach_points', [True, False])
def test_what_the_likelihood_trains(detach_points, generator):
    head, (feats, points) = passing(detach_points=detach_points), features(generator)
    likelihood_of(head, feats, points + 3).backward()
    assert head.cholesky_layer.weight.grad.any()
    assert (head.final_layer.weight.grad is None) == detach_points


def test_keypoints_without_a_label_add_nothing(make_samples, generator):
    head, (feats, points) = passing(), features(generator)
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    moved = torch.where(weights[..., None] > 0, points + 3, float('nan'))
    losses = head.loss((feats,), make_samples(moved, weights, (SIDE, SIDE)))
    assert set(losses) == {'loss_keypoint', 'loss_likelihood', 'acc_pose'}
    expected = likelihood_of(head, feats, torch.where(weights[..., None] > 0, points + 3, 1e4), weights)
    torch.testing.assert_close(losses['loss_likelihood'], expected)
    losses['loss_likelihood'].backward()
    assert head.cholesky_layer.bias.grad.unflatten(0, (3, 3)).abs().sum(dim=1).ne(0).tolist() == [True, False, True]
    assert head.loss((feats,), make_samples(moved, 0 * weights, (SIDE, SIDE)))['loss_likelihood'] == 0


@pytest.mark.parametrize('detach_points', [True, False])
@pytest.mark.parametrize('sigmoid', [False, True])
def test_a_step_needs_no_value_from_the_device(sigmoid, detach_points, make_samples):
    head = build(LEARNED, sigmoid=sigmoid, detach_points=detach_points).to('meta')
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (SIDE, SIDE))
    losses = head.loss((torch.empty(2, 8, CELLS, CELLS, device='meta'),), samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(value.device.type == 'meta' for value in losses.values())
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize('kind', ['gaussian', 'laplacian'])
def test_a_first_step_in_bfloat16_is_finite_and_gives_every_parameter_a_gradient(kind, make_samples, generator):
    """Points are far off before training: the step is no larger for it."""
    head, (feats, _) = build(LEARNED, kind, detach_points=False), features(generator)
    head.init_weights()
    samples = make_samples(SIDE * torch.rand(2, 3, 2, generator=generator), torch.ones(2, 3), (SIDE, SIDE))
    exact = head.loss((feats,), samples)['loss_likelihood']
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss((feats,), samples)
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())
    assert losses['loss_likelihood'].item() == pytest.approx(exact.item(), rel=0.1)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in head.parameters())
    assert head.cholesky_layer.bias.grad.abs().max() < 25


def test_a_calibration_maps_what_is_regressed(generator):
    head, (feats, _) = passing(), features(generator)
    plain, calibrated = (head.decode([head.view((feats,))], make_tests(), *c) for c in ([], [lambda given: 4 * given]))
    for before, after in zip(plain, calibrated, strict=True):
        torch.testing.assert_close(after.keypoint_covariances, 4 * before.keypoint_covariances)
