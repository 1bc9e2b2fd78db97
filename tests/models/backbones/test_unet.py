"""The U-Net: sizes, counts, skips, gradients."""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models import UNet

pytestmark = pytest.mark.usefixtures('mmpose_scope')
SMALL = dict(channels=(4, 6, 8), blocks=(1, 2, 1), decoder_channels=(6, 5))


def test_default_by_count():
    assert sum(p.numel() for p in UNet().parameters()) == 6_403_872
    assert sum(p.numel() for p in UNet(in_channels=1).parameters()) == 6_403_872 - 2 * 32 * 49


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('size', [(32, 64), (50, 38), (33, 35)])
def test_one_map_at_the_stride_of_the_stem(stride, size):
    (out,) = UNet(**SMALL, stem_stride=stride).eval()(torch.zeros(1, 3, *size))
    assert out.shape == (1, 5, *(-(-side // stride) for side in size))


def test_every_parameter_counts_at_training():
    model = MODELS.build(dict(type='UNet', **SMALL))
    model.init_weights()
    model(torch.randn(2, 3, 32, 32))[0].square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_fine_detail_takes_the_skip_and_the_coarse_way_sees_far():
    model = UNet(**SMALL, in_channels=1).eval()
    x = torch.randn(1, 1, 64, 64, requires_grad=True)
    model(x)[0][0, :, 8, 8].sum().backward()
    seen = x.grad[0, 0].abs() > 0
    assert seen[16, 16] and seen.any(dim=0).sum() > 40


def test_wrong_arguments():
    with pytest.raises(ValueError, match='one decoder stage fewer'):
        UNet(channels=(4, 6), blocks=(1, 1), decoder_channels=(4, 4))
    with pytest.raises(ValueError, match='stride 1 or 2'):
        UNet(**SMALL, stem_stride=4)
