"""The codec of published checkpoints: in pixels what mmpose's own codecs do, with covariances beside it."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from hybridkp.codecs import PublishedHeatmap
from hybridkp.codecs.published_heatmap import RULES
from hybridkp.ops.peaks import fit_peaks

pytestmark = pytest.mark.usefixtures('mmpose_scope')
SIZES = [((192, 256), 2), ((288, 384), 3)]
THEIRS = {
    'mmpose': dict(type='MSRAHeatmap'),
    'mmpose-dark': dict(type='MSRAHeatmap', unbiased=True),
    'mmpose-udp': dict(type='UDPHeatmap'),
}
FLIP_INDICES = [0, 2, 1]


def pair(rule, input_size, sigma):
    """Our codec and mmpose's, of targets of so many cells."""
    theirs = dict(THEIRS[rule], input_size=input_size, heatmap_size=tuple(side // 4 for side in input_size))
    if rule != 'mmpose':
        theirs['blur_kernel_size'] = {2: 11, 3: 17}[sigma]
    ours = PublishedHeatmap(rule, relative_sigma=0.0360844, input_size=input_size)
    return ours, KEYPOINT_CODECS.build(dict(theirs, sigma=sigma))


def predicted(codec, input_size, count=60, seed=0):
    """Heatmaps such as a network gives: targets of points, lower and with noise."""
    random = np.random.default_rng(seed)
    points = random.uniform(-8, 8 + np.array(input_size), (1, count, 2)).astype(np.float32)
    heatmaps = codec.encode(points)['heatmaps'] * random.uniform(0.3, 1.1, (count, 1, 1))
    return (heatmaps + random.normal(0, 0.002, heatmaps.shape)).astype(np.float32)


@pytest.mark.parametrize('input_size, sigma', SIZES)
@pytest.mark.parametrize('rule', THEIRS)
def test_same_points_as_mmpose(rule, input_size, sigma):
    ours, theirs = pair(rule, input_size, sigma)
    heatmaps = predicted(theirs, input_size)
    heatmaps = heatmaps[heatmaps.max(axis=(1, 2)) > 0.05]
    wanted, scores = theirs.decode(heatmaps)
    points, found, covariance = ours.decode(torch.from_numpy(heatmaps)[None])
    np.testing.assert_allclose(points.numpy(), wanted, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(found.numpy(), scores)
    by_protocol, found = ours.decode(heatmaps)
    np.testing.assert_array_equal(by_protocol, points.numpy())
    np.testing.assert_array_equal(found, scores)
    assert len(heatmaps) > 40 and covariance.isfinite().all()


@pytest.mark.parametrize('input_size, sigma', SIZES)
@pytest.mark.parametrize('rule', THEIRS)
def test_same_targets_as_mmpose(rule, input_size, sigma):
    ours, theirs = pair(rule, input_size, sigma)
    points = np.random.default_rng(1).uniform(0, np.array(input_size) - 1, (1, 60, 2)).astype(np.float32)
    found, wanted = ours.encode(points), theirs.encode(points)
    np.testing.assert_allclose(found['heatmaps'], wanted['heatmaps'], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found['keypoint_weights'], wanted['keypoint_weights'])


@pytest.mark.parametrize('rule, empty', [('official', 0), ('paddle', 0), ('mmpose', -4), ('mmpose-dark', -4)])
def test_empty_maps(rule, empty):
    codec = PublishedHeatmap(rule, sigma=8)
    points, scores, covariance = codec.decode(torch.zeros(1, 2, 16, 12))
    assert points.tolist() == [[[empty, empty]] * 2] and scores.tolist() == [[0, 0]]
    assert (torch.linalg.eigvalsh(covariance) > 0).all()


def test_covariances_are_those_of_the_fit():
    heatmaps = torch.from_numpy(predicted(pair('mmpose-dark', *SIZES[0])[1], (192, 256)))[None]
    _, _, wanted = fit_peaks(heatmaps)
    for rule in RULES:
        _, _, covariance = PublishedHeatmap(rule, sigma=8).decode(heatmaps)
        scale = torch.tensor([48 / 47, 64 / 63]) if rule == 'mmpose-udp' else torch.ones(2)
        torch.testing.assert_close(covariance, 16 * wanted * scale * scale[:, None])


def test_scores_are_not_cut():
    heatmaps = torch.zeros(1, 2, 16, 12)
    heatmaps[0, 0, 5, 5], heatmaps[0, 1] = 1.25, -0.5
    assert PublishedHeatmap('official', sigma=8).decode(heatmaps)[1].tolist() == [[1.25, -0.5]]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_positions_are_at_least_float32(dtype):
    heatmaps = torch.from_numpy(predicted(pair('mmpose', *SIZES[1])[1], (288, 384)))[None].to(dtype)
    for rule in RULES:
        points, scores, covariance = PublishedHeatmap(rule, sigma=12).decode(heatmaps)
        wanted = torch.promote_types(dtype, torch.float32)
        assert points.dtype == scores.dtype == covariance.dtype == wanted
        assert points.isfinite().all() and points.amax() > 256


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="rule is one of official, paddle, mmpose.*, not 'darknet'"):
        PublishedHeatmap('darknet', sigma=8)


def head(rule, name='GaussianHeatmapHead', **options):
    """A head whose features are its heatmaps."""
    codec = dict(type='PublishedHeatmap', rule=rule, sigma=8)
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    built = MODELS.build(dict(type=name, in_channels=3, num_keypoints=3, codec=codec, loss=loss, **options))
    built.final_layer = torch.nn.Identity()
    return built


def samples():
    return [PoseDataSample(metainfo=dict(flip_indices=FLIP_INDICES)) for _ in range(2)]


@pytest.mark.parametrize('rule, shift', [('official', 1), ('paddle', 1), ('mmpose', 1), ('mmpose-udp', 0)])
def test_flip_test_averages_heatmaps(rule, shift, generator):
    heatmaps, mirrored = torch.rand(2, 2, 3, 16, 12, generator=generator)
    back = mirrored.flip(-1)[:, FLIP_INDICES]
    if shift:
        back[..., 1:] = back[..., :-1].clone()
    built = head(rule)
    both = built.predict([(heatmaps,), (mirrored,)], samples(), dict(flip_test=True))
    mean = built.predict(((heatmaps + back) * 0.5,), samples(), dict(flip_test=False))
    for one, other in zip(both, mean, strict=True):
        assert isinstance(one, InstanceData)
        for field in ('keypoints', 'keypoint_scores', 'keypoint_covariances'):
            assert torch.equal(one[field], other[field])


def test_head_with_more_than_heatmaps_is_refused():
    likelihood = head('official', 'LikelihoodHead', likelihood=dict(type='CovarianceLikelihood'))
    feats = torch.rand(2, 3, 16, 12)
    with pytest.raises(ValueError, match='PublishedHeatmap averages heatmaps in the flip test, and LikelihoodHead has'):
        likelihood.predict([(feats,), (feats,)], samples(), dict(flip_test=True))
    assert len(likelihood.predict((feats,), samples(), {})) == 2


@pytest.mark.parametrize('rule', RULES)
def test_a_step_needs_no_value_from_the_device(rule, make_samples):
    built = head(rule).to('meta')
    data = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (48, 64))
    losses = built.loss((torch.empty(2, 3, 16, 12, device='meta', requires_grad=True),), data)
    losses['loss_keypoint'].backward()
    assert losses['loss_keypoint'].device.type == 'meta'
