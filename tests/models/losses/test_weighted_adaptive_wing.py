"""The adaptive wing loss: the published numbers, weights, low precision and awkward points."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models import WeightedAdaptiveWing

pytestmark = pytest.mark.usefixtures('mmpose_scope')
DATA = Path(__file__).parents[2] / 'data/adaptive_wing'
FACTS = json.loads((DATA / 'awing.json').read_text())
VARIANT = dict(epsilon=2, foreground_weight=0)
FORMS = {'published': dict(foreground_weight=0), 'published_map': {}, 'seed_variant': VARIANT}


@pytest.fixture(scope='module')
def arrays():
    return {name: torch.from_numpy(value) for name, value in np.load(DATA / 'awing.npz').items()}


def build(**options):
    return MODELS.build(dict(type='WeightedAdaptiveWing', **options))


def passing(loss, sigmoid):
    """A head whose features are its heatmaps, or their logits."""
    codec = dict(type='IsotropicHeatmap', sigma=6.0)
    head = dict(type='GaussianHeatmapHead', in_channels=3, num_keypoints=3, codec=codec, loss=loss, sigmoid=sigmoid)
    head = MODELS.build(head)
    head.final_layer = torch.nn.Identity()
    return head


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_published_losses_and_gradients(form, dtype, arrays):
    variant = form == 'seed_variant'
    head = passing(dict(type='WeightedAdaptiveWing', **FORMS[form]), sigmoid=variant)
    inputs = arrays['logit' if variant else 'pred'].to(dtype, copy=True).requires_grad_()
    loss = head.loss_module(head((inputs,)), arrays['target'].to(dtype))
    loss.backward()
    assert loss.dtype == dtype and loss.shape == ()
    assert loss.item() == pytest.approx(FACTS['losses'][f'{form}/loss'], rel=FACTS['rtol_loss'])
    wanted = arrays[f'{form}/grad']
    atol = FACTS['grad_atol_relative_to_largest'] * wanted.abs().max().item()
    torch.testing.assert_close(inputs.grad.float(), wanted, rtol=0, atol=atol)


def test_published_cells_and_foreground(arrays):
    loss = WeightedAdaptiveWing()
    cells = loss._cell_losses(arrays['pred'], arrays['target'])
    torch.testing.assert_close(cells, arrays['published/element_loss'], rtol=1e-5, atol=1e-6)
    assert torch.equal(loss._foreground(arrays['target']), arrays['weight_map'] == 11)
    assert torch.equal(loss._foreground(arrays['target'].double()), arrays['weight_map'] == 11)


@pytest.mark.parametrize('row', FACTS['scalars_published_form'], ids=lambda row: f'{row["target"]}-{row["prediction"]}')
def test_published_scalars(row):
    loss = WeightedAdaptiveWing(foreground_weight=0)
    output = torch.full((1, 1, 1, 1), row['prediction'], dtype=torch.float64, requires_grad=True)
    value = loss(output, torch.full_like(output, row['target']).detach())
    value.backward()
    assert value.item() == pytest.approx(row['loss'], rel=1e-6, abs=1e-12)
    assert output.grad.item() == pytest.approx(row['dloss_dprediction'], rel=1e-6, abs=1e-12)


def pair(generator, dtype=torch.float32, batch=2, keypoints=3):
    shape = (batch, keypoints, 5, 4)
    return (torch.randn(shape, generator=generator, dtype=dtype), torch.rand(shape, generator=generator, dtype=dtype))


def test_weights_are_linear_and_0_removes_a_keypoint(generator):
    loss, (output, target) = build(), pair(generator)
    single = torch.stack([loss(output[i, k][None, None], target[i, k][None, None]) for i in (0, 1) for k in range(3)])
    weights = 3 * torch.rand(2, 3, generator=generator)
    torch.testing.assert_close(loss(output, target, weights), (single * weights.flatten()).mean())
    torch.testing.assert_close(loss(output, target, 2 * weights), 2 * loss(output, target, weights))
    torch.testing.assert_close(loss(output, target), loss(output, target, torch.ones(2, 3)))
    weights[0, 1] = 0
    output.requires_grad_()
    loss(output, target, weights).backward()
    assert (output.grad.abs().sum(dim=(2, 3)) > 0).equal(weights > 0)


@pytest.mark.parametrize('options', [{}, VARIANT, dict(alpha=2.5, omega=3.0, theta=0.3)])
def test_gradients_of_prediction_and_target(options, generator):
    # the foreground map is a step: the numeric gradient is that of targets that stay away from 0.2
    loss, (output, target) = build(**options), pair(generator, torch.float64)
    target = 0.3 + 0.6 * target
    output = target + torch.where((output - target).abs() < 0.02, 0.1, output - target)
    weights = torch.rand(2, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(loss, (output.requires_grad_(), target.requires_grad_(), weights))


def test_no_gradient_flows_through_the_foreground(generator):
    output, target = pair(generator)
    target.requires_grad_()
    assert not WeightedAdaptiveWing()._foreground(target).requires_grad


@pytest.mark.parametrize('options', [{}, VARIANT])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_awkward_points_are_finite(options, dtype):
    loss = build(**options)
    errors = [0, loss.theta, -loss.theta, 1e-7, -1, 1e3]
    target = torch.tensor([0, 0.2, 0.5, 1], dtype=dtype)[:, None].expand(4, len(errors))
    output = (target + torch.tensor(errors, dtype=dtype))[None, None].clone().requires_grad_()
    target = target[None, None].clone().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(output, target, torch.ones(1, 1))
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert value.isfinite() and output.grad.isfinite().all() and target.grad.isfinite().all()
    assert not output.grad[..., 0].any() and output.grad[..., 1:].any()


def test_autocast_changes_nothing(arrays):
    loss, (output, target) = build(), (arrays['pred'], arrays['target'])
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(loss(output, target), loss(output, target))
        low = loss(output, target)
    assert torch.equal(low, loss(output, target))
    assert loss(output.bfloat16(), target).item() == pytest.approx(low.item(), rel=0.01)


def test_huge_errors_have_the_slope_of_the_tangent():
    loss, output = build(foreground_weight=0), torch.full((1, 1, 1, 1), 1e30, requires_grad=True)
    value = loss(output, torch.zeros(1, 1, 1, 1))
    value.backward()
    assert value.isfinite() and output.grad.item() == pytest.approx(11.121421647997696)


def test_wrong_arguments_are_refused(generator):
    for name, value in dict(alpha=2, omega=0, epsilon=-1, theta=0, foreground_weight=-1).items():
        with pytest.raises(ValueError, match=f'{name} .*{value}'):
            build(**{name: value})
        with pytest.raises(ValueError, match=f'{name} .*nan'):
            build(**{name: float('nan')})
    loss, (output, target) = build(), pair(generator)
    with pytest.raises(ValueError, match='differ in shape'):
        loss(output[:, :1], target)
    with pytest.raises(ValueError, match=r'weights are \(2, 3\), not \(2, 3, 1, 1\)'):
        loss(output, target, torch.ones(2, 3, 1, 1))
