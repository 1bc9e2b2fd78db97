"""ElanPyramid: sizes, the published count, ways through it, and what is refused."""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models.necks.elan_pyramid import ElanPyramid

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def maps(channels, generator, batch=1):
    return tuple(
        torch.randn(batch, width, 16 // 2**i, 24 // 2**i, generator=generator) for i, width in enumerate(channels)
    )


def test_published_count_and_sizes():
    widths = (256, 512, 768, 1024)
    with torch.device('meta'):
        neck = MODELS.build(
            dict(type='ElanPyramid', in_channels=widths, channels=(128, 256, 384, 512), out_channels=widths)
        )
        outputs = neck(tuple(torch.empty(2, width, 16 // 2**i, 24 // 2**i) for i, width in enumerate(widths)))
    assert sum(parameter.numel() for parameter in neck.parameters()) == 33_783_808
    assert [tuple(m.shape) for m in outputs] == [
        (2, 256, 16, 24), (2, 512, 8, 12), (2, 768, 4, 6), (2, 1024, 2, 3)
    ]  # fmt: skip


@pytest.mark.parametrize('levels', [2, 3])
def test_each_level_sees_every_other(levels, generator):
    neck = ElanPyramid((4, 6, 8)[:levels], (4, 6, 8)[:levels], (6, 8, 10)[:levels], depth=2).eval()
    feats = maps((4, 6, 8)[:levels], generator)
    before = neck(feats)
    for i in range(levels):
        changed = [feat + (1 if i == j else 0) for j, feat in enumerate(feats)]
        assert all((a != b).any() for a, b in zip(before, neck(changed), strict=True))


def test_every_parameter_has_a_gradient(generator):
    neck = ElanPyramid((4, 6, 8), (4, 6, 8), (6, 8, 10), depth=2)
    sum(m.square().mean() for m in neck(maps((4, 6, 8), generator, batch=2))).backward()
    assert all(value.grad is not None and value.grad.any() for value in neck.parameters())


@pytest.mark.parametrize(
    'channels, counts', [(((4,), (4,), (4,)), '1, 1, 1'), (((4, 6), (4, 6, 8), (4, 6, 8)), '2, 3, 3')]
)
def test_levels_have_to_fit(channels, counts):
    with pytest.raises(ValueError, match=rf'two or more, not \({counts}\)'):
        ElanPyramid(*channels)
