"""The estimator: modes, the way back to the image, the flip test from image to image."""

import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.models.estimators import keypoint_estimator
from hybridkp.models.estimators.keypoint_estimator import predict_batch
from hybridkp.ops.calibration import Calibration

pytestmark = pytest.mark.usefixtures('mmpose_scope')
CODEC = dict(type='AnisotropicHeatmap', covariance=dict(type='LearnedCovariance', relative_sigma=0.06))
HEAD = dict(
    type='GaussianHeatmapHead',
    in_channels=3,
    num_keypoints=3,
    codec=CODEC,
    loss=dict(type='KeypointMSELoss', use_target_weight=True),
)


class Averages(torch.nn.Module):
    """A backbone that averages the pixels of each cell and smears them to one side, so that it is not symmetric.

    The first keypoint is the blob in the first channel, the others are the left and the right one in the second.
    """

    def __init__(self):
        super().__init__()
        kernel = torch.tensor([[[[0.0, 0.1, 0.0], [0.1, 0.8, 0.5], [0.0, 0.3, 0.2]]]]).repeat(3, 1, 1, 1)
        self.register_buffer('kernel', kernel)

    def forward(self, x):
        cells = torch.nn.functional.avg_pool2d(x[:, [0, 1, 1]], 4)
        cells = torch.nn.functional.conv2d(cells, self.kernel, padding=1, groups=3)
        left = torch.arange(cells.shape[-1]) < cells.shape[-1] / 2
        return (cells * torch.stack((left | True, left, ~left))[:, None],)


def build(flip_test=False, head=HEAD, **options):
    """An estimator whose heatmaps are the channels of what the fake backbone gives."""
    backbone = dict(type=Averages)
    config = dict(type='KeypointEstimator', backbone=backbone, head=head, test_cfg=dict(flip_test=flip_test))
    model = MODELS.build({**config, **options}).eval()
    model.head.final_layer = torch.nn.Identity()
    return model


def pictures(generator):
    """Pictures (2, 3, 64, 80) for the fake backbone and the keypoints (2, 3, 2) that they show."""
    points = 15 + torch.rand(2, 3, 2, generator=generator) * torch.tensor([[50.0, 34], [15, 34], [15, 34]])
    points[:, 2, 0] += 35
    y, x = torch.meshgrid(torch.arange(64), torch.arange(80), indexing='ij')
    squared = (x - points[..., 0, None, None]).square() / 90 + (y - points[..., 1, None, None]).square() / 60
    blobs = torch.exp(-squared / 2)
    return torch.stack((blobs[:, 0], blobs[:, 1:].amax(dim=1), torch.zeros(2, 64, 80)), dim=1), points


def make_tests(count=2, **metainfo):
    """Samples for prediction; by default the input is the image."""
    defaults = dict(
        input_size=(80, 64),
        input_center=np.array([40.0, 32.0]),
        input_scale=np.array([80.0, 64.0]),
        flip_indices=[0, 2, 1],
    )
    samples = []
    for _ in range(count):
        samples.append(PoseDataSample(metainfo={**defaults, **metainfo}))
        samples[-1].gt_instances = InstanceData(bboxes=np.array([[1.0, 2, 3, 4]]), bbox_scores=np.array([0.5]))
    return samples


def test_modes(make_samples, generator):
    model, (inputs, points) = build(), pictures(generator)
    assert model(inputs).shape == (2, 3, 16, 20)
    assert torch.equal(model(inputs, mode='tensor'), model.backbone(inputs)[0])
    losses = model(inputs, make_samples(points, torch.ones(2, 3), (80, 64)), mode='loss')
    assert set(losses) == {'loss_keypoint', 'loss_covariance', 'acc_pose'} and losses['acc_pose'] == 1
    samples = make_tests()
    assert model(inputs, samples, mode='predict') == samples
    with pytest.raises(ValueError, match="mode is 'tensor', 'loss' or 'predict', not 'test'"):
        model(inputs, samples, mode='test')


@pytest.mark.parametrize('flip_test', [False, True])
def test_fields_of_a_prediction(flip_test, generator):
    inputs, points = pictures(generator)
    for sample, wanted in zip(build(flip_test)(inputs, make_tests(), mode='predict'), points, strict=True):
        pred = sample.pred_instances
        shapes = dict(
            keypoints=(1, 3, 2),
            keypoint_scores=(1, 3),
            keypoints_visible=(1, 3),
            keypoint_covariances=(1, 3, 2, 2),
            bboxes=(1, 4),
            bbox_scores=(1,),
        )
        assert {name: pred[name].shape for name in pred.keys()} == shapes
        assert all(isinstance(pred[name], np.ndarray) for name in shapes)
        assert all(pred[name].dtype == np.float32 for name in shapes if name.startswith('keypoint'))
        assert np.linalg.eigvalsh(pred.keypoint_covariances).min() > 0
        np.testing.assert_array_equal(pred.keypoints_visible, pred.keypoint_scores)
        np.testing.assert_array_equal(pred.bboxes, sample.gt_instances.bboxes)
        assert pred.bbox_scores == [0.5]
        assert np.abs(pred.keypoints[0] - wanted.numpy()).max() < 4


def test_way_back_to_the_image_by_hand():
    model = build()
    instance = InstanceData(
        keypoints=torch.tensor([[[0.0, 0.0], [40.0, 32.0], [79.0, 63.0]]]),
        keypoint_scores=torch.rand(1, 3),
        keypoint_covariances=torch.tensor([[4.0, 1.0], [1.0, 2.0]]).repeat(1, 3, 1, 1),
    )
    model.head.predict = lambda feats, samples, test_cfg: [instance]
    # 80 x 64 px show 160 x 320 px around (100, 300): x doubles from 20 on, y is five times as large from 140 on
    samples = make_tests(1, input_center=np.array([100.0, 300.0]), input_scale=np.array([160.0, 320.0]))
    pred = model(torch.zeros(1, 3, 64, 80), samples, mode='predict')[0].pred_instances
    np.testing.assert_allclose(pred.keypoints, [[[20, 140], [100, 300], [178, 455]]])
    np.testing.assert_allclose(pred.keypoint_covariances, np.tile([[16, 10], [10, 50]], (1, 3, 1, 1)))


def test_calibration_is_in_input_px(generator):
    model, (inputs, _) = build(), pictures(generator)
    scale = dict(input_scale=np.array([160.0, 320.0]))
    plain = model(inputs, make_tests(**scale), mode='predict')
    fitted = Calibration.identity(3)._replace(offset=torch.tensor([[4.0, 1.0], [1.0, 2.0]]).repeat(3, 1, 1))
    model.load_state_dict({f'head.calibration.{name}': value for name, value in fitted._asdict().items()}, strict=False)
    for before, after in zip(plain, model(inputs, make_tests(**scale), mode='predict'), strict=True):
        added = after.pred_instances.keypoint_covariances - before.pred_instances.keypoint_covariances
        np.testing.assert_allclose(added, np.tile([[16, 10], [10, 50]], (1, 3, 1, 1)), rtol=1e-3, atol=1e-2)
        np.testing.assert_array_equal(after.pred_instances.keypoints, before.pred_instances.keypoints)


def test_each_sample_goes_back_by_its_own_way(generator):
    inputs, _ = pictures(generator)
    plain = build()(inputs, make_tests(), mode='predict')
    moved = make_tests(1) + make_tests(1, input_center=np.array([140.0, 232.0]))
    moved = build()(inputs, moved, mode='predict')
    for before, after, shift in zip(plain, moved, ([0, 0], [100, 200]), strict=True):
        np.testing.assert_allclose(after.pred_instances.keypoints, before.pred_instances.keypoints + shift, rtol=1e-5)


def test_prediction_of_a_mirrored_image_is_mirrored(generator):
    inputs, _ = pictures(generator)
    pairs = [0, 2, 1]
    once, single = build(flip_test=True), build(flip_test=False)

    def disagreement(model):
        seen = model(inputs, make_tests(), mode='predict')
        mirrored = model(inputs.flip(-1), make_tests(), mode='predict')
        points = [[s.pred_instances.keypoints, s.pred_instances.keypoint_covariances] for s in (*seen, *mirrored)]
        for (there, spread), (back, back_spread) in zip(points[:2], points[2:], strict=True):
            yield np.abs(back[:, pairs] - (there * [-1, 1] + [79, 0])).max()
            yield np.abs(back_spread[:, pairs] - spread * [[1, -1], [-1, 1]]).max()

    assert max(disagreement(once)) < 1e-2
    assert max(disagreement(single)) > 1, 'the backbone is meant to be lopsided'


def test_neck_stands_between_backbone_and_head():
    neck = dict(type='FeaturePyramid', in_channels=(3,), out_channels=5)
    model = build(neck=neck, head=dict(HEAD, in_channels=5))
    model.head.final_layer = torch.nn.Conv2d(5, 3, 1)
    assert model.extract_feat(torch.rand(1, 3, 64, 80))[0].shape == (1, 5, 16, 20)
    assert model(torch.rand(1, 3, 64, 80)).shape == (1, 3, 16, 20)
    assert build().neck is None


def test_weights_are_channels_last():
    config = dict(
        type='KeypointEstimator', backbone=dict(type='HybridNet', variant='s'), head=dict(HEAD, in_channels=32)
    )
    model = MODELS.build(config)
    model.init_weights()
    weights = [value for value in model.parameters() if value.ndim == 4]
    assert weights and all(value.is_contiguous(memory_format=torch.channels_last) for value in weights)
    assert model.extract_feat(torch.rand(1, 3, 64, 64))[0].is_contiguous(memory_format=torch.channels_last)


def test_steps_of_mmengine(make_samples, generator):
    preprocessor = dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[255.0] * 3, bgr_to_rgb=True)
    model = MODELS.build(
        dict(
            type='KeypointEstimator',
            backbone=dict(type='HybridNet', variant='s'),
            neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=16),
            head=dict(HEAD, in_channels=16),
            data_preprocessor=preprocessor,
            test_cfg=dict(flip_test=True),
        )
    )
    optimizer = build_optim_wrapper(model, dict(optimizer=dict(type='AdamW', lr=1e-3)))
    inputs = list((255 * torch.rand(2, 3, 64, 64, generator=generator)).byte())
    samples = make_samples(64 * torch.rand(2, 3, 2, generator=generator), torch.ones(2, 3), (64, 64))
    before = [value.clone() for value in model.parameters()]
    log = model.train_step(dict(inputs=inputs, data_samples=samples), optimizer)
    assert log['loss'].item() == pytest.approx((log['loss_keypoint'] + log['loss_covariance']).item())
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    model.eval()
    results = model.test_step(dict(inputs=inputs, data_samples=make_tests(input_size=(64, 64))))
    assert len(results) == 2 and np.isfinite(results[0].pred_instances.keypoints).all()


@pytest.mark.parametrize('step', ['test_step', 'val_step'])
def test_samples_of_a_prediction_stay_as_they_are(step, generator):
    model, (inputs, _) = build(flip_test=True), pictures(generator)
    samples = make_tests()
    for sample in samples:
        sample.gt_instance_labels = InstanceData(keypoint_labels=torch.zeros(1, 3, 2))
    labels = [sample.gt_instance_labels for sample in samples]
    predicted = getattr(model, step)(dict(inputs=inputs, data_samples=samples))
    assert all(sample is given for sample, given in zip(predicted, samples, strict=True))
    assert [sample.gt_instance_labels for sample in predicted] == labels
    expected = model(inputs, make_tests(), mode='predict')
    for sample, wanted in zip(predicted, expected, strict=True):
        np.testing.assert_array_equal(sample.pred_instances.keypoints, wanted.pred_instances.keypoints)


@pytest.mark.parametrize(
    'device, sizes, moved', [('cpu', (8, 8), None), ('cuda', (8, 8), (2, 3, 8, 8)), ('cuda', (8, 9), None)]
)
def test_images_of_one_size_are_moved_at_once(device, sizes, moved):
    seen = []

    def preprocess(data, training):
        seen.append((data['inputs'], data['data_samples'], training))
        return data

    def model(inputs, samples, mode):
        return samples, mode

    model.data_preprocessor = preprocess
    preprocess.device = torch.device(device)
    images = [torch.zeros(3, 8, width, dtype=torch.uint8) for width in sizes]
    assert predict_batch(model, dict(inputs=images, data_samples=['a', 'b'])) == (['a', 'b'], 'predict')
    ((inputs, samples, training),) = seen
    assert samples == [] and training is False
    assert inputs is images if moved is None else inputs.shape == moved and inputs.dtype == torch.uint8


def test_both_views_together_are_what_they_are_apart(generator, monkeypatch):
    model, (inputs, _) = build(flip_test=True), pictures(generator)
    passes = []
    model.backbone.register_forward_hook(lambda module, args, feats: passes.append(len(args[0])))
    together = model(inputs, make_tests(), mode='predict')
    monkeypatch.setattr(keypoint_estimator, 'TOGETHER', 1)
    apart = model(inputs, make_tests(), mode='predict')
    assert passes == [4, 2, 2]
    for one, other in zip(together, apart, strict=True):
        for name in ('keypoints', 'keypoint_scores', 'keypoint_covariances'):
            np.testing.assert_allclose(one.pred_instances[name], other.pred_instances[name], rtol=1e-5, atol=1e-5)
