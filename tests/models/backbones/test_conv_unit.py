"""The unit: what it computes, and torch's own initial values."""

import torch
import torch.nn.functional as F

from hybridkp.models.backbones.conv_unit import ConvUnit


def test_convolution_norm_and_silu(generator):
    unit = ConvUnit(3, 5, 3, 2).eval()
    unit.bn.running_mean.copy_(torch.randn(5, generator=generator))
    unit.bn.running_var.copy_(torch.rand(5, generator=generator))
    x = torch.randn(2, 3, 8, 6, generator=generator)
    mean, scale = unit.bn.running_mean[:, None, None], (unit.bn.running_var + 1e-3).rsqrt()[:, None, None]
    normed = (F.conv2d(x, unit.conv.weight, stride=2, padding=1) - mean) * scale
    assert normed.shape == (2, 5, 4, 3)
    torch.testing.assert_close(unit(x), normed * normed.sigmoid())


def test_depthwise_channels_do_not_mix(generator):
    unit = ConvUnit(4, 4, 3, depthwise=True).eval()
    assert unit.conv.weight.shape == (4, 1, 3, 3) and unit.conv.bias is None
    x = torch.randn(1, 4, 5, 5, generator=generator)
    changed = x.clone()
    changed[:, 2] += 1
    same = (unit(x) == unit(changed)).flatten(2).all(dim=2)[0]
    assert same.tolist() == [True, True, False, True]


def test_running_statistics_follow_slowly():
    unit = ConvUnit(1, 1, 1).train()
    with torch.no_grad():
        unit.conv.weight.fill_(1)
    unit(torch.full((1, 1, 4, 4), 100.0))
    torch.testing.assert_close(unit.bn.running_mean, torch.tensor([3.0]))


def test_initial_values_are_those_of_torch():
    weight = ConvUnit(64, 64, 3).conv.weight
    bound = (1 / (64 * 9)) ** 0.5  # Kaiming's uniform with a = sqrt(5)
    assert weight.abs().max() <= bound and weight.abs().max() > 0.99 * bound
