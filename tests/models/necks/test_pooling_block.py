"""The block: windows of several sides beside a shortcut."""

import torch
import torch.nn.functional as F

from hybridkp.models.necks.pooling_block import PoolingBlock


def test_what_is_concatenated(generator):
    block, x = PoolingBlock(6, 4).eval(), torch.randn(2, 6, 14, 15, generator=generator)
    inner = block.before(x)
    pooled = [F.max_pool2d(F.pad(inner, [side // 2] * 4, value=-torch.inf), side, 1) for side in (5, 9, 13)]
    expected = block.merge(torch.cat((block.after(torch.cat((inner, *pooled), dim=1)), block.shortcut(x)), dim=1))
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == (2, 4, 14, 15)


def test_windows_reach_far():
    block = PoolingBlock(1, 2, windows=(13,)).eval()
    x = torch.zeros(1, 1, 21, 21, requires_grad=True)
    with torch.no_grad():
        for value in block.parameters():
            value.abs_()
    changed = torch.zeros(1, 1, 21, 21)
    changed[..., 10, 10] = 100
    differs = (block(changed) != block(x)).any(dim=1)[0]
    # 3x3, 13x13 and 3x3: eight cells in each direction
    rows = differs.any(dim=1).nonzero()
    assert (rows.min(), rows.max()) == (2, 18)


def test_every_parameter_has_a_gradient(generator):
    block = PoolingBlock(6, 4)
    block(torch.randn(2, 6, 7, 7, generator=generator)).square().mean().backward()
    assert all(value.grad is not None and value.grad.any() for value in block.parameters())
