"""The head of stacks: the mean of their losses, the prediction of the last, and the model base that it is for."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[3]
FIXED = dict(type='IsotropicHeatmap', sigma=6.0)
MSE = dict(type='KeypointMSELoss', use_target_weight=True)


def build(loss=MSE, **options):
    config = dict(type='StackedHeatmapHead', in_channels=(8, 8), num_keypoints=3, codec=FIXED, loss=loss, **options)
    return MODELS.build(config)


def maps(generator, stacks=2):
    return [torch.randn(2, 8, 24, 24, generator=generator) for _ in range(stacks)]


def test_names_of_the_parameters():
    names = {name for name in build().state_dict() if not name.startswith('calibration.')}
    assert names == {f'final_layers.{i}.{part}' for i in (0, 1) for part in ('weight', 'bias')}


@pytest.mark.parametrize('sigmoid', [False, True])
def test_last_stack_predicts(sigmoid, generator):
    head, feats = build(sigmoid=sigmoid), maps(generator)
    logits = head.final_layers[1](feats[1])
    torch.testing.assert_close(head(feats), logits.sigmoid() if sigmoid else logits)
    points = head.predict(feats, [None, None])[0].keypoints[0]
    torch.testing.assert_close(points, head.codec.decode(head(feats))[0][0])


def test_loss_is_the_mean_over_stacks(generator, make_samples):
    head = build()
    head.final_layers = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])
    keypoints = 30 + 36 * torch.rand(2, 3, 2, generator=generator)
    target = head.codec.encode(keypoints, head.codec.target_covariance(keypoints, (96, 96)), (24, 24))
    samples, empty = make_samples(keypoints, torch.ones(2, 3), (96, 96)), torch.zeros_like(target)
    for feats, loss, accuracy in ([target, target], 0, 1), ([empty, target], 0.5, 1), ([target, empty], 0.5, 0):
        losses = head.loss(feats, samples)
        assert losses['loss_keypoint'].item() == pytest.approx(loss, abs=0.01) and losses['acc_pose'] == accuracy


@pytest.mark.parametrize('loss', [MSE, dict(type='WeightedAdaptiveWing')])
def test_a_step_needs_no_value_from_the_device(loss, make_samples):
    head = build(loss).to('meta')
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (96, 96))
    losses = head.loss([torch.empty(2, 8, 24, 24, device='meta')] * 2, samples)
    losses['loss_keypoint'].backward()
    assert all(value.device.type == 'meta' for value in losses.values())
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_another_number_of_stacks_is_refused(generator):
    with pytest.raises(ValueError, match='zip'):
        build()(maps(generator, stacks=3))


def test_hourglass_has_ten_million_parameters_and_gives_all_of_them_a_gradient(make_samples):
    config = Config.fromfile(ROOT / 'configs/_base_/models/hourglass.py').model
    config.head.num_keypoints = 19
    model = MODELS.build(config)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == pytest.approx(10e6, rel=0.05)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inputs, keypoints = torch.randn(1, 3, 96, 160), 80 * torch.rand(1, 19, 2)
    losses = model(inputs, make_samples(keypoints, torch.ones(1, 19), (160, 96)), mode='loss')
    (losses['loss_keypoint'] + losses['loss_covariance']).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert model.eval().to('meta')(torch.empty(1, 3, 800, 640, device='meta')).shape == (1, 19, 200, 160)
