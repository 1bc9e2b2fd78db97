"""The head of several scales: what it sums, where it begins, and its training step."""

import pytest
import torch
from mmpose.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
LEARNED = dict(type='AnisotropicHeatmap', stride=1, covariance=dict(type='LearnedCovariance', relative_sigma=0.05))
MSE = dict(type='KeypointMSELoss', use_target_weight=True)
CHANNELS = (4, 6, 8)


def build(loss=MSE, **options):
    config = dict(
        type='MultiScaleHeatmapHead', in_channels=CHANNELS, num_keypoints=3, codec=LEARNED, loss=loss, **options
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = MODELS.build(config)
        head.init_weights()
    return head


def pyramid(generator=None, device='cpu', dtype=torch.float32):
    make = torch.empty if device == 'meta' else torch.randn
    options = dict(device=device) if device == 'meta' else dict(generator=generator)
    return tuple(make(2, c, 16 >> i, 8 >> i, dtype=dtype, **options) for i, c in enumerate(CHANNELS))


def test_names_of_the_parameters():
    parts = {'0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked'}
    expected = {f'final_layers.{branch}.{part}' for branch in range(3) for part in parts}
    last = {f'final_layers.{layer}.{part}' for layer in ('0.3', '1.4', '2.4') for part in ('weight', 'bias')}
    names = {name for name in build().state_dict() if not name.startswith('calibration.')}
    assert names == expected | last | {'codec.covariance.cholesky'}


def test_sum_by_hand(generator):
    head, feats = build(upsample=2).eval(), pyramid(generator)
    low = 0
    for layers, feat in zip(head.final_layers, feats, strict=True):
        hidden = layers[:3](feat)
        # mapping to heatmaps and resizing may be swapped: both are linear, and weights of resizing add up to 1
        maps = torch.nn.functional.interpolate(layers[-1](hidden), size=(16, 8), mode='bilinear', align_corners=False)
        low = low + maps
    wanted = torch.nn.functional.interpolate(low, size=(32, 16), mode='bilinear', align_corners=False)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(head(feats), wanted)


@pytest.mark.parametrize('sigmoid', [False, True])
def test_begins_with_its_bias_in_every_branch(sigmoid, generator):
    head = build(sigmoid=sigmoid, initial_bias=-2.0).eval()
    assert all((layer.bias == -2).all() and 0.005 < layer.weight.std() < 0.02 for layer in head.last_layers)
    assert head.final_layers[0][0].weight.std() > 0.05
    heatmaps = head(tuple(feat * 0 for feat in pyramid(generator)))
    wanted = torch.tensor(-6.0)
    torch.testing.assert_close(heatmaps, (wanted.sigmoid() if sigmoid else wanted).expand(2, 3, 64, 32))


def test_initialisation_can_be_replaced():
    head = build(initial_bias=-2.0, init_cfg=dict(type='Constant', layer='Conv2d', val=0.5, bias=1))
    assert all((layer.bias == 1).all() and (layer.weight == 0.5).all() for layer in head.last_layers)


@pytest.mark.parametrize('loss', [MSE, dict(type='WeightedAdaptiveWing')])
@pytest.mark.parametrize('sigmoid', [False, True])
def test_a_step_needs_no_value_from_the_device(loss, sigmoid, make_samples):
    head = build(loss, sigmoid=sigmoid).to('meta')
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (32, 64))
    losses = head.loss(pyramid(device='meta'), samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(value.device.type == 'meta' for value in losses.values())
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_learns_and_predicts(make_samples, generator):
    head = build(dict(type='WeightedAdaptiveWing', epsilon=2, foreground_weight=0), sigmoid=True, initial_bias=-2.0)
    keypoints = 8 + 16 * torch.rand(2, 3, 2, generator=generator)
    samples, feats = make_samples(keypoints, torch.ones(2, 3), (32, 64)), pyramid(generator)
    optimizer, curve = torch.optim.Adam(head.parameters(), lr=0.05), []
    for _ in range(20):
        losses = head.loss(feats, samples)
        optimizer.zero_grad()
        losses['loss_keypoint'].backward()
        optimizer.step()
        curve.append(losses['loss_keypoint'].item())
    assert curve[-1] < 0.8 * curve[0]
    instances = head.eval().predict(feats, samples)
    assert instances[0].keypoints.shape == (1, 3, 2) and instances[0].keypoint_covariances.isfinite().all()


def test_low_precision_is_left_before_the_last_resizing(generator, make_samples):
    head, feats = build().eval(), pyramid(generator)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        low = head(feats)
    assert low.dtype == torch.float32 and head.double()(tuple(f.double() for f in feats)).dtype == torch.float64
    exact = head.float()(feats)
    assert 0 < (low - exact).norm() / exact.norm() < 0.05


def test_wrong_arguments_are_refused(generator, make_samples):
    for upsample in (0, 1.5):
        with pytest.raises(ValueError, match=f'positive integer, not {upsample}'):
            build(upsample=upsample)
    with pytest.raises(ValueError, match='zip'):
        build()(pyramid(generator)[:2])
    samples = make_samples(torch.ones(2, 3, 2), torch.ones(2, 3), (32, 64))
    with pytest.raises(ValueError, match=r'maps are \(32, 16\) cells .* \(64, 32\) px has \(64, 32\) at .* 1 px'):
        build(upsample=2).loss(pyramid(generator), samples)
