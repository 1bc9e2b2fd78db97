"""The pyramid that sums up all levels in the finest."""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models import FeaturePyramid

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def maps(*channels, size=16, batch=2):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(batch, c, size >> i, size >> i, generator=generator) for i, c in enumerate(channels))


def test_one_map_of_the_finest_size():
    neck = MODELS.build(dict(type='FeaturePyramid', in_channels=(4, 6, 8), out_channels=5))
    outputs = neck(maps(4, 6, 8))
    assert isinstance(outputs, tuple) and [tuple(output.shape) for output in outputs] == [(2, 5, 16, 16)]
    assert (outputs[0] >= 0).all()


def test_sum_by_hand():
    neck = FeaturePyramid((1, 1), 1).eval()
    for lateral, factor in zip(neck.laterals, (2.0, 3.0), strict=True):
        torch.nn.init.constant_(lateral.conv.weight, factor)
    torch.nn.init.zeros_(neck.output.conv.weight)
    neck.output.conv.weight.data[0, 0, 1, 1] = 1
    fine, coarse = torch.arange(16.0).reshape(1, 1, 4, 4) - 8, torch.tensor([[[[1.0, -2.0], [3.0, 4.0]]]])
    # twice the fine map plus three times the coarse map, each cell of which covers 2 x 2 fine ones
    spread = coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(neck((fine, coarse))[0], (2 * fine + 3 * spread).relu(), rtol=1e-4, atol=1e-4)


def test_every_parameter_has_a_gradient_and_every_level_counts():
    neck, feats = FeaturePyramid((4, 6, 8), 5), maps(4, 6, 8)
    neck.init_weights()
    for feat in feats:
        feat.requires_grad_()
    neck(feats)[0].square().mean().backward()
    assert all(parameter.grad.any() for parameter in neck.parameters())
    assert all(feat.grad.any() for feat in feats)


@pytest.mark.parametrize('sizes', [((9, 13), (5, 7), (3, 4)), ((1, 1), (1, 1), (1, 1))])
def test_odd_sizes(sizes):
    feats = tuple(torch.randn(1, 4, *size) for size in sizes)
    assert FeaturePyramid((4, 4, 4), 5).eval()(feats)[0].shape == (1, 5, *sizes[0])


def test_wrong_number_of_levels():
    with pytest.raises(ValueError):
        FeaturePyramid((4, 4, 4), 5)(maps(4, 4, 4, 4))


def test_state_dict_round_trip_and_normalisation():
    first, second = (FeaturePyramid((4, 6), 6, norm_cfg=dict(type='GN', num_groups=2)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(maps(4, 6))[0], second(maps(4, 6))[0])
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in first.modules())


def test_compiles_to_one_graph():
    neck, feats = FeaturePyramid((4, 6), 6).eval(), maps(4, 6)
    compiled = torch.compile(neck, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(feats)[0], neck(feats)[0])
