"""ElanNet: sizes, the published count, the order of pixels, and what is refused.

That it computes what the published network does is shown in tests/converters/test_yolov7_table.py.
"""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models.backbones.elan_net import ElanNet, to_depth

pytestmark = pytest.mark.usefixtures('mmpose_scope')
W6 = [(128, 64), (256, 128), (512, 256), (768, 384), (1024, 512)]
SMALL = [(8, 4), (12, 8), (16, 8), (24, 12), (32, 16)]


def test_published_count_and_sizes():
    with torch.device('meta'):
        model = MODELS.build(dict(type='ElanNet', stem=64, stages=W6))
        maps = model(torch.empty(2, 3, 128, 192))
    assert sum(parameter.numel() for parameter in model.parameters()) == 35_988_608
    assert model.out_channels == (256, 512, 768, 1024)
    assert [tuple(m.shape) for m in maps] == [
        (2, 256, 16, 24), (2, 512, 8, 12), (2, 768, 4, 6), (2, 1024, 2, 3)
    ]  # fmt: skip


@pytest.mark.parametrize('skip, strides', [(0, (4, 8, 16, 32, 64)), (1, (8, 16, 32, 64)), (2, (16, 32, 64))])
def test_fine_stages_can_be_left_out(skip, strides):
    maps = ElanNet(4, SMALL, depth=2, skip=skip, in_channels=1).eval()(torch.zeros(1, 1, 64, 128))
    assert [tuple(m.shape[-2:]) for m in maps] == [(64 // stride, 128 // stride) for stride in strides]


def test_pixels_move_into_channels():
    image = torch.arange(2 * 4 * 6.0).view(1, 2, 4, 6)
    parts = [image[..., row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert torch.equal(to_depth(image), torch.cat(parts, dim=1))


@pytest.mark.parametrize('size', [(64, 96), (32, 32), (640, 650)])
def test_sides_that_are_no_multiples_of_64_are_refused(size):
    with pytest.raises(ValueError, match=f'multiples of 64 px, not {size[0]}x{size[1]}'):
        ElanNet(4, SMALL)(torch.zeros(1, 3, *size))


@pytest.mark.parametrize('skip', [-1, 5])
def test_a_stage_is_left(skip):
    with pytest.raises(ValueError, match=f'skips {skip} of 5'):
        ElanNet(4, SMALL, skip=skip)


def test_every_parameter_has_a_gradient(generator):
    model = ElanNet(4, SMALL, depth=2)
    sum(m.square().mean() for m in model(torch.randn(2, 3, 64, 64, generator=generator))).backward()
    assert all(value.grad is not None and value.grad.any() for value in model.parameters())
