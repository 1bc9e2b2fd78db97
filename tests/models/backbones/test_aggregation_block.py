"""The block: which maps are merged, in which order, for any depth."""

import pytest
import torch

from hybridkp.models.backbones.aggregation_block import AggregationBlock


def merged(block, x):
    """The channels that the block merges."""
    found = []
    block.merge.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    block.eval()(x)
    return found[0]


@pytest.mark.parametrize('depth, every, taken', [(4, 2, (3, 1)), (4, 1, (3, 2, 1, 0)), (2, 2, (1,)), (3, 2, (2, 0))])
def test_end_of_the_chain_comes_first(depth, every, taken, generator):
    block, x = AggregationBlock(6, 4, 2, 8, depth, every), torch.randn(1, 6, 5, 5, generator=generator)
    found = merged(block, x)
    start = block.start(x)
    chain = [start]
    for layer in block.chain:
        chain.append(layer(chain[-1]))
    expected = torch.cat([*(chain[i + 1] for i in taken), start, block.shortcut(x)], dim=1)
    torch.testing.assert_close(found, expected)
    assert block(x).shape == (1, 8, 5, 5)


def test_every_parameter_has_a_gradient(generator):
    block = AggregationBlock(6, 4, 2, 8, 4, 2)
    block(torch.randn(2, 6, 5, 5, generator=generator)).square().mean().backward()
    assert all(value.grad is not None and value.grad.any() for value in block.parameters())
