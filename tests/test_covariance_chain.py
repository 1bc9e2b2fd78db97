"""The whole system's covariances: definite from every source to the result file, turning with the image, calibrated."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.codecs import TargetContext
from hybridkp.evaluation.result_file import ResultFile
from hybridkp.models.estimators.keypoint_estimator import to_image
from hybridkp.ops.calibration import Calibration, calibrate, fit, mahalanobis2
from hybridkp.ops.covariance import determinant, from_sigmas, keep_definite, merge, to_sigmas, transform
from hybridkp.ops.gaussian import render_gaussians
from hybridkp.ops.peaks import fit_peaks

pytestmark = pytest.mark.usefixtures('mmpose_scope')
K = 5
LIMBS = dict(keypoints=list('abcde'), links=[('a', 'b'), ('b', 'c'), ('c', 'd')], sigmas=[0.03, 0.06, 0.1, 0.05, 0.05])
SOURCES = dict(
    fixed=dict(type='FixedCovariance', sigma=[0.5, 1.0, 4.0, 9.0, 30.0]),
    relative=dict(type='FixedCovariance', relative_sigma=0.00586),
    learned=dict(type='LearnedCovariance', relative_sigma=0.036),
    isotropic=dict(type='LearnedCovariance', sigma=4.0, isotropic=True),
    readers=dict(type='ReaderCovariance', scale=1.0),
    limb=dict(type='LimbCovariance', skeleton=LIMBS, elongation=8.0),
    structure=dict(type='StructureCovariance', relative_sigma=0.05, max_ratio=50.0),
)
MAPS = dict(
    clean=lambda maps, noise: maps,
    noisy=lambda maps, noise: maps + 0.3 * noise,
    saturated=lambda maps, noise: (3 * maps).clamp(max=1),
    two_peaks=lambda maps, noise: torch.maximum(maps, 0.9 * maps.roll((8, 9), (-2, -1))),
    ridge=lambda maps, noise: torch.eye(*maps.shape[-2:]) + 0.01 * noise,
    noise=lambda maps, noise: noise,
    flat=lambda maps, noise: torch.full_like(maps, 0.25),
    empty=lambda maps, noise: torch.zeros_like(maps),
    negative=lambda maps, noise: -maps,
    huge=lambda maps, noise: 1e30 * maps,
    nan=lambda maps, noise: torch.where(noise > 1.5, torch.nan, maps),
    infinite=lambda maps, noise: torch.where(noise.abs() > 1.5, torch.inf * noise, maps),
)
seeds, kinds = st.integers(0, 2**31), st.lists(st.sampled_from(list(MAPS)), min_size=3, max_size=3)


def check(values):
    """Check covariances (..., 2, 2) exactly: in float64 the products of float32 numbers are not rounded."""
    values = torch.as_tensor(values).double()
    assert values.isfinite().all() and torch.equal(values, values.mT)
    assert (values[..., 0, 0] > 0).all() and (determinant(values) > 0).all(), values[determinant(values) <= 0]


def check_axes(covariances):
    """Check the conversion of covariances (..., 2, 2) to axes and an angle, and back."""
    sigma1, sigma2, angle = to_sigmas(covariances)
    assert sigma1.isfinite().all() and (sigma1 >= sigma2).all() and (sigma2 > 0).all()
    assert (angle.abs() <= math.pi / 2 + 1e-6).all()
    unit = sigma1.square()[..., None, None]
    torch.testing.assert_close(from_sigmas(sigma1, sigma2, angle) / unit, covariances / unit, rtol=0, atol=1e-5)
    product = determinant(covariances.double()).sqrt()
    torch.testing.assert_close((sigma1 * sigma2).double(), product, rtol=0.02, atol=0)


def decades(low, high, shape, generator):
    """Random numbers whose decimal logarithms are uniform."""
    return 10 ** (low + (high - low) * torch.rand(shape, generator=generator))


def ellipses(low, high, shape, generator):
    """Covariances (*shape, 2, 2) whose standard deviations span these decades, in float64."""
    sigmas = decades(low, high, (2, *shape), generator).double()
    return from_sigmas(*sigmas, math.pi * torch.rand(shape, generator=generator).double())


class Blur(torch.nn.Module):
    """A backbone without weights that turns and mirrors with its input: cells are means of pixels, blurred evenly."""

    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        cells = torch.nn.functional.avg_pool2d(x, self.stride)
        return (cells if self.stride == 1 else torch.nn.functional.avg_pool2d(cells, 3, 1, 1),)


def build(source, keypoints=K, stride=4, **options):
    """An estimator whose heatmaps are what the backbone gives."""
    codec, loss = dict(type='AnisotropicHeatmap', covariance=source, stride=stride), dict(type='KeypointMSELoss')
    head = dict(type='GaussianHeatmapHead', in_channels=1, num_keypoints=keypoints, codec=codec, loss=loss)
    config = dict(type='KeypointEstimator', backbone=dict(type=Blur, stride=stride), head=head, **options)
    model = MODELS.build(config).eval()
    model.head.final_layer = torch.nn.Identity()
    return model


def build_head(source, generator, stride):
    """A head that takes heatmaps, whose source has random parameters."""
    head = build(source, stride=stride).head
    for value in head.codec.parameters():
        value.data = decades(-3, 2, value.shape, generator) * torch.randn(value.shape, generator=generator)
    if source['type'] == 'ReaderCovariance':
        scatter = ellipses(-4, -1, (K,), generator).float()
        head.codec.covariance.load_state_dict(dict(covariances=scatter, aspect=decades(-1, 1, (), generator)))
    return head


def random_context(count, size, generator):
    """What a source may look at: lost labels, turned and mirrored crops, faint noise and strong edges."""
    angle = 6 * torch.rand(count, generator=generator)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), dim=-1).view(-1, 2, 2)
    images = decades(-6, 2, (count, 1, 1, 1), generator) * torch.randn(count, 3, *size, generator=generator)
    images[..., size[1] // 2 :] += decades(-6, 2, (count, 1, 1, 1), generator)
    return TargetContext(
        weights=(torch.rand(count, K, generator=generator) > 0.3).float(),
        jacobians=turn * torch.tensor([1 - 2.0 * (count % 2), 1]) * decades(-1, 1, (count, 1, 1), generator),
        areas=decades(-1, 5, (count,), generator),
        images=images,
    )


def random_calibration(generator):
    scales, offset = decades(-2, 2, (K,), generator), ellipses(-4, 2, (K,), generator).float()
    return Calibration(scales.log(), decades(-1, 0.3, (), generator), offset, decades(-1, 1, (), generator))


def make_sample(size, centre, scale):
    """Make a sample whose input of (h, w) px is a stretched crop of an image."""
    crop = dict(input_size=size[::-1], input_center=np.array(centre), input_scale=np.array(scale))
    sample = PoseDataSample(metainfo=dict(crop, img_id=1, flip_indices=list(range(K))))
    sample.gt_instances = InstanceData(bboxes=np.array([[0.0, 0, 9, 9]]), bbox_scores=np.ones(1))
    return sample


def check_prediction(head, views, size, generator):
    """Decode views, map to the image, write, and convert: check the covariances of every step."""
    scales = np.array(size[::-1]) * decades(-1, 1.3, (len(views[0]), 2), generator).numpy()
    instances = head.decode(views, [make_sample(size, 1000 * scale, scale) for scale in scales])
    check(torch.cat([instance.keypoint_covariances for instance in instances]))
    assert all(i.keypoints.isfinite().all() and (i.keypoint_scores.abs() <= 1).all() for i in instances)
    samples = to_image(instances, [make_sample(size, 1000 * scale, scale) for scale in scales])
    check(np.concatenate([sample.pred_instances.keypoint_covariances for sample in samples]))
    check_file([sample.pred_instances for sample in samples])


def check_file(instances):
    """Check the entries of a result file, read in both precisions, and the axes of their ellipses."""
    metric = ResultFile('never_written.json')
    metric.process({}, [dict(img_id=1, pred_instances=dict(instance.items())) for instance in instances])
    rows = [entry['keypoint_covariances'] for entries in metric.results for entry in entries]
    assert all(float(f'{value:.6g}') == value for value in np.ravel(rows))
    written = torch.tensor(rows, dtype=torch.double)[..., [0, 1, 1, 2]].unflatten(-1, (2, 2))
    for values in (written, written.float()):
        check(values)
        check_axes(values)


@pytest.mark.parametrize('source', SOURCES)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, kinds=kinds, stride=st.sampled_from([1, 4]), half=st.booleans())
def test_definite_from_the_source_to_the_file(source, seed, kinds, stride, half):
    generator = torch.Generator().manual_seed(seed)
    head, size = build_head(SOURCES[source], generator, stride), (24 * stride, 20 * stride)
    points = (1.4 * torch.rand(3, K, 2, generator=generator) - 0.2) * torch.tensor(size[::-1])  # some are outside
    covariances = head.codec.target_covariance(points, size, random_context(3, size, generator))
    check(covariances)
    maps = head.codec.encode(points, covariances, (24, 20))
    assert ((maps >= 0) & (maps <= 1)).all()
    first, second, third = (MAPS[kind](maps, torch.randn(maps.shape, generator=generator)) for kind in kinds)
    mean = torch.stack((first, second, third)).mean(dim=0)
    for calibration in (Calibration.identity(K), random_calibration(generator)):
        head.calibration.assign(calibration)
        for views in ([third], [first, second.flip(-1)], [mean]):  # alone, with a flip test, of an ensemble
            views = [view.bfloat16() if half else view for view in views]
            check_prediction(head, views, size, generator)


@settings(max_examples=50, deadline=None)
@given(seed=seeds)
def test_any_covariance_of_float32_stays_definite(seed):
    generator = torch.Generator().manual_seed(seed)
    thin = keep_definite(ellipses(-2, 3, (2, 40), generator).float())
    check(thin)
    check_axes(thin)
    assert torch.equal(keep_definite(thin), thin)
    predictions = dict(keypoints=np.zeros((2, 40, 2)), keypoint_scores=np.ones((2, 40)), keypoint_covariances=thin)
    check_file([InstanceData(**predictions, bboxes=np.ones((2, 4)), bbox_scores=np.ones(2))])
    points, weights = 3000 * torch.rand(2, 40, 2, generator=generator), torch.rand(2, 40, generator=generator)
    for estimates in (points, points[:1].expand(2, 40, 2)):
        mean, merged = merge(estimates, thin, weights)
        assert mean.isfinite().all()
        check(merged)
    offset = torch.randn(40, 2, 1, generator=generator)
    singular = Calibration(torch.zeros(40) - 9, torch.tensor(1.0), offset @ offset.mT, torch.tensor(1.0))
    check(calibrate(thin, singular))


def test_ridges_across_large_maps_are_definite(generator):
    centres, sides = torch.full((1, K, 2), 255.3), torch.tensor([500.0, 300, 100, 400, 510])
    thin = from_sigmas(sides, torch.tensor([0.12, 0.15, 0.3, 0.2, 0.11]), torch.full((K,), math.pi / 4))
    maps = render_gaussians(centres.double(), thin.double()[None], (512, 512)).float()
    head = build(SOURCES['fixed'], stride=1).head
    for views in ([maps], [maps, maps.roll(40, -1)], [torch.eye(512).expand_as(maps)]):
        check(fit_peaks(views[0])[2])
        check_prediction(head, views, (512, 512), generator)


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize('turns, mirrored', [(0, True), (1, False), (2, False), (3, False), (1, True)])
def test_prediction_turns_and_mirrors_with_the_image(turns, mirrored, flip_test, generator):
    model = build(SOURCES['fixed'], test_cfg=dict(flip_test=flip_test))
    model.head.calibration.assign(
        Calibration.identity(K)._replace(exponent=torch.tensor(0.8), conformal=torch.tensor(2.0))
    )
    points, shapes = 15 + 40 * torch.rand(3, K, 2, generator=generator), ellipses(0.6, 1.2, (3, K), generator)
    blobs = render_gaussians(points, shapes.float(), (64, 80))
    inputs = torch.stack((blobs[0], (1e3 * blobs[1]).clamp(max=1), blobs[2]))
    inputs[2] += 0.1 * torch.randn(K, 64, 80, generator=generator)
    # which crop of an image of 1000 x 700 px the input shows, and which of the turned image the turned input
    size, image, scale, corner = np.array([80, 64]), np.array([1000, 700]), np.array([2.0, 0.5]), np.array([300, 200])
    linear = np.linalg.matrix_power([[0, 1], [-1, 0]], turns) @ np.diag([-1 if mirrored else 1, 1])
    back = linear.sum(axis=1) < 0  # (x, y) -> linear (x, y) + back * (side - 1)
    new_size, new_image, new_scale = (abs(linear) @ values for values in (size, image, scale))
    new_corner = linear @ corner + back * (new_image - 1) - new_scale * back * (new_size - 1)
    samples = [make_sample((64, 80), corner + scale * size / 2, scale * size) for _ in inputs]
    new_samples = [
        make_sample(tuple(new_size[::-1]), new_corner + new_scale * new_size / 2, new_scale * new_size) for _ in inputs
    ]
    new_inputs = torch.rot90(inputs.flip(-1) if mirrored else inputs, turns, (-2, -1))
    for before, after in zip(model(inputs, samples, 'predict'), model(new_inputs, new_samples, 'predict'), strict=True):
        points, covariances = before.pred_instances.keypoints, before.pred_instances.keypoint_covariances
        wanted = points @ linear.T + back * (new_image - 1)
        np.testing.assert_allclose(after.pred_instances.keypoints, wanted, atol=0.01)
        wanted = transform(torch.from_numpy(covariances), torch.from_numpy(linear).float())
        np.testing.assert_allclose(after.pred_instances.keypoint_covariances, wanted, rtol=1e-3, atol=1e-3)


COUNT = 800  # images in each half of the synthetic set
LEVELS = torch.tensor([0.5, 0.68, 0.9, 0.95]).double()
NOISES = dict(
    scale=(torch.tensor([0.3, 1.0, 2.5]), torch.zeros(3, 2, 2)),
    additive=(torch.zeros(3), from_sigmas(*torch.tensor([[4.0, 2, 3], [1, 1.5, 2.9], [0.4, -1.2, 0.0]]))),
)


def synthetic(kind, generator):
    """Predict blobs whose labels are displaced by a known noise: errors (N, 3, 2), covariances and the truth's."""
    points = 16 + 16 * torch.rand(2 * COUNT, 3, 2, generator=generator)
    shapes = ellipses(0.1, 0.6, (2 * COUNT, 3), generator).float()
    factor, offset = NOISES[kind]
    truth = (factor[:, None, None] * shapes + offset).double()
    noise = torch.linalg.cholesky(truth) @ torch.randn(2 * COUNT, 3, 2, 1, generator=generator).double()
    model = build(SOURCES['relative'], keypoints=3, stride=1)
    samples = [make_sample((48, 48), (24.0, 24.0), (48.0, 48.0)) for _ in points]
    samples = model(render_gaussians(points, shapes, (48, 48)), samples, mode='predict')
    found, covariances = (
        torch.from_numpy(np.concatenate([sample.pred_instances[name] for sample in samples])).double()
        for name in ('keypoints', 'keypoint_covariances')
    )
    assert (found - points).abs().max() < 0.05 and (covariances - shapes).abs().max() < 0.2
    return found - (points + noise[..., 0]), covariances, truth


def scatter(errors, covariances):
    """Return the eigenvalues (K, 2) of the second moment of errors that were whitened by their covariances."""
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariances), errors[..., None], upper=False)
    return torch.linalg.eigvalsh((white @ white.mT).mean(dim=0))


def wishart_bounds(generator):
    """Return between what 99.9 % of those eigenvalues lie where the covariance was estimated on as many errors."""
    first, second = torch.randn(2, 2000, COUNT, 2, generator=generator).double()
    moments = (first.mT @ first / COUNT)[:, None]
    values = torch.cat([scatter(errors[:, None], moment) for errors, moment in zip(second, moments, strict=True)])
    return values.quantile(torch.tensor([0.0005, 0.9995]).double())


@pytest.mark.parametrize('kind', NOISES)
def test_calibration_finds_a_noise_that_is_known(kind, generator):
    errors, covariances, truth = synthetic(kind, generator)
    fitted = fit(errors[:COUNT], covariances[:COUNT], torch.ones(COUNT, 3), kind)
    errors, covariances, truth = (values[COUNT:] for values in (errors, covariances, truth))
    mapped = calibrate(covariances, fitted)
    low, high = wishart_bounds(generator)
    assert 0.75 < low < 0.85 and 1.2 < high < 1.3
    # binomial, of the covered, and the share that an area estimated on as many errors is wrong by
    deviation = (LEVELS * (1 - LEVELS) / COUNT + ((1 - LEVELS) * (1 - LEVELS).log()).square() / COUNT).sqrt()
    for right, expected in ((mapped, True), (covariances, False)):
        spectrum, inside = scatter(errors, right), mahalanobis2(errors, right)[..., None] <= -2 * (1 - LEVELS).log()
        assert bool((spectrum > low).all() and (spectrum < high).all()) == expected, spectrum
        missed = (inside.double().mean(dim=0) - LEVELS).abs() / deviation
        assert bool((missed < 3.3).all()) == expected, missed
    whiten = torch.linalg.cholesky(truth).inverse()
    ratio = torch.linalg.eigvalsh(transform(mapped, whiten).mean(dim=0))
    assert (ratio > low).all() and (ratio < high).all(), ratio
