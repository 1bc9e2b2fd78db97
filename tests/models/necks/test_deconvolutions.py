"""The deconvolutions: their size, their names, and SimpleBaseline's count."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.models import Deconvolutions

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[3]


def test_one_map_eight_times_as_large():
    neck = MODELS.build(dict(type='Deconvolutions', in_channels=6, out_channels=4))
    outputs = neck((torch.rand(2, 3, 10, 6), torch.randn(2, 6, 5, 3)))
    assert isinstance(outputs, tuple) and [tuple(output.shape) for output in outputs] == [(2, 4, 40, 24)]
    assert (outputs[0] >= 0).all() and outputs[0].any()


def test_layers_are_those_of_mmpose(generator):
    head = dict(type='HeatmapHead', in_channels=6, out_channels=2, deconv_out_channels=(4, 4))
    theirs = MODELS.build(dict(head, deconv_kernel_sizes=(4, 4))).eval()
    ours = Deconvolutions(6, 4, num_layers=2).eval()
    state = {name: value for name, value in theirs.state_dict().items() if name.startswith('deconv_layers')}
    ours.load_state_dict(state)
    feats = (torch.randn(1, 6, 5, 3, generator=generator),)
    torch.testing.assert_close(theirs.final_layer(ours(feats)[0]), theirs(feats))


def test_resnet50_has_the_parameters_of_simple_baseline():
    config = Config.fromfile(ROOT / 'configs/_base_/models/resnet50.py').model
    config.head.num_keypoints = 17
    config.head.codec.covariance = dict(type='FixedCovariance', relative_sigma=0.036)
    model = MODELS.build(config).to('meta')
    assert sum(parameter.numel() for parameter in model.parameters()) == 33_999_697
    assert model(torch.empty(1, 3, 256, 192, device='meta')).shape == (1, 17, 64, 48)


def test_initial_values_and_gradients(generator):
    neck = Deconvolutions(6, 4)
    neck.init_weights()
    assert neck.deconv_layers[0].weight.std().item() == pytest.approx(1e-3, rel=0.1)
    neck((torch.randn(2, 6, 5, 3, generator=generator),))[0].square().mean().backward()
    assert all(parameter.grad.any() for parameter in neck.parameters())


def test_other_norms_and_no_layer():
    neck = Deconvolutions(6, 4, norm_cfg=dict(type='GN', num_groups=2))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in neck.modules())
    with pytest.raises(ValueError, match='at least one layer, not 0'):
        Deconvolutions(6, num_layers=0)
