"""The residual block."""

import torch

from hybridkp.models.backbones.residual_block import ResidualBlock

NORM = dict(type='BN')


def test_shapes_and_shortcuts():
    x = torch.randn(2, 4, 8, 6)
    assert ResidualBlock(4, 4, 1, NORM)(x).shape == (2, 4, 8, 6)
    assert ResidualBlock(4, 7, 2, NORM)(x).shape == (2, 7, 4, 3)
    assert isinstance(ResidualBlock(4, 4, 1, NORM).shortcut, torch.nn.Identity)
    assert not isinstance(ResidualBlock(4, 5, 1, NORM).shortcut, torch.nn.Identity)


def test_without_its_convolutions_it_is_a_rectifier():
    block = ResidualBlock(3, 3, 1, NORM).eval()
    torch.nn.init.zeros_(block.conv2.conv.weight)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), x.relu())
