"""HRNetSmall: the published network's names, counts and outputs, and what is refused."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.models import HRNetSmall

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[3]
DATA = ROOT / 'tests/data/hrnet_small'
WIDTHS = (1, 2, 4, 8)


def stream(name, seed):
    """The random numbers of one tensor."""
    return np.random.RandomState((zlib.crc32(name.encode()) ^ seed) & 0xFFFFFFFF)


def draw(name, shape, seed):
    """The value of one tensor, drawn from its name."""
    leaf, random = name.rsplit('.', 1)[-1], stream(name, seed)
    if leaf == 'num_batches_tracked':
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == 'running_var':
        value = 1 + 0.2 * random.uniform(size=shape)
    elif len(shape) == 4:
        value = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    else:
        value = (leaf == 'weight') + 0.1 * random.standard_normal(shape)
    return torch.from_numpy(np.asarray(value, np.float32))


def estimator(keypoints=29, width=32):
    """The estimator of the model base whose targets have a fixed width: nothing but the network has parameters."""
    config = Config.fromfile(ROOT / 'configs/_base_/models/hrnet_small.py').model
    config.backbone.width = width
    config.head.update(num_keypoints=keypoints, in_channels=[width * factor for factor in WIDTHS])
    config.head.codec.covariance = dict(type='FixedCovariance', relative_sigma=0.036)
    return MODELS.build(config)


def upstream(model):
    """The state dict (name, value) without our prefixes and what the codec and the calibration keep."""
    names = {name: name.removeprefix('backbone.').removeprefix('head.') for name in model.state_dict()}
    ours = ('head.codec.', 'head.calibration.')
    return {names[name]: value for name, value in model.state_dict().items() if not name.startswith(ours)}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_names_order_and_shapes_are_the_published_ones():
    expected = json.loads((DATA / 'state_dict_29.json').read_text())
    state = upstream(estimator())
    assert len(state) == 494 and list(state) == list(expected)
    assert {name: list(value.shape) for name, value in state.items()} == expected


@pytest.mark.parametrize(
    'keypoints, width, parameters',
    [
        (29, 32, 6_351_220),
        (19, 32, 6_349_900),
        (29, 16, 1_626_324),
        (29, 18, 2_045_352),
        (29, 24, 3_596_580),
        (29, 48, 14_213_652),
    ],
)
def test_published_counts(keypoints, width, parameters):
    assert count(estimator(keypoints, width)) == parameters


def test_counts_of_the_parts():
    model = HRNetSmall()
    counts = {name: count(part) for name, part in model.named_children()}
    assert counts == {
        'stem': 38_848,
        'stage1': 27_776,
        'transition1': 18_560,
        'stage2': 113_216,
        'transition2': 73_984,
        'stage3': 1_064_448,
        'transition3': 295_424,
        'stage4': 4_576_640,
    }


@pytest.mark.parametrize('name, keypoints', [('network29', 29), ('network29_large', 29), ('network19', 19)])
def test_published_outputs(name, keypoints):
    facts = json.loads((DATA / f'{name}.json').read_text())
    model = estimator(keypoints).eval()
    weights = {name: draw(name, value.shape, facts['seed']) for name, value in upstream(model).items()}
    assert sum(value.double().sum().item() for value in weights.values()) == pytest.approx(facts['weights']['sum'])
    inputs = torch.from_numpy(stream('input', facts['seed']).standard_normal(facts['input']['shape'])).float()
    assert inputs.flatten()[:4].tolist() == pytest.approx(facts['input']['first'])
    model.backbone.load_state_dict({key: value for key, value in weights.items() if 'final_layers' not in key})
    head = {key: value for key, value in weights.items() if 'final_layers' in key}
    model.head.load_state_dict(head, strict=False)
    with torch.no_grad():
        heatmaps = model(inputs)
    assert heatmaps.shape[-2:] == inputs.shape[-2:]
    ((output, wanted),) = np.load(DATA / f'{name}.npz').items()
    if output == 'heatmap_sub':
        heatmaps = heatmaps[..., 1::5, 2::5]
    torch.testing.assert_close(heatmaps, torch.from_numpy(wanted), rtol=0, atol=facts['outputs'][output]['atol'])


@pytest.mark.parametrize('width, in_channels, size', [(32, 3, (96, 64)), (18, 1, (32, 160))])
def test_strides_and_channels(width, in_channels, size):
    backbone = dict(type='HRNetSmall', width=width, in_channels=in_channels)
    model = MODELS.build(backbone).to('meta')
    outputs = model(torch.empty(2, in_channels, *size, device='meta'))
    assert isinstance(outputs, tuple)
    assert model.out_channels == tuple(width * factor for factor in WIDTHS)
    assert [tuple(output.shape) for output in outputs] == [
        (2, width * factor, size[0] // stride, size[1] // stride)
        for factor, stride in zip(WIDTHS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize('size', [(64, 48), (36, 64), (31, 33)])
def test_sides_that_are_no_multiples_of_32_are_refused(size):
    with pytest.raises(ValueError, match=f'multiples of 32 px, not {size[0]}x{size[1]}'):
        HRNetSmall(4)(torch.zeros(1, 3, *size))


def test_width_is_positive():
    with pytest.raises(ValueError, match='positive width, not 0'):
        HRNetSmall(0)


def test_initial_values():
    model = HRNetSmall(8)
    model.init_weights()
    convolution, norm = model.stage4[1].fuse_layers[0][3][:2]
    # normal with variance 2 / fan-out, here of 8 channels and one cell
    assert convolution.weight.std().item() == pytest.approx(0.5, rel=0.1)
    assert model.stem[3].weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert (norm.weight == 1).all() and (norm.bias == 0).all()


def test_every_parameter_has_a_gradient():
    model = HRNetSmall(8).train()
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    sum(output.square().mean() for output in model(x)).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_other_norms():
    model = HRNetSmall(8, norm_cfg=dict(type='GN', num_groups=1))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert all(output.isfinite().all() for output in model(torch.rand(1, 3, 32, 32)))


def test_state_dict_round_trip_and_one_graph():
    model, other = HRNetSmall(8).eval(), HRNetSmall(8).eval()
    other.load_state_dict(model.state_dict())
    x = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    compiled = torch.compile(other, backend='eager', fullgraph=True)
    with torch.no_grad():
        for one, fast in zip(model(x), compiled(x), strict=True):
            torch.testing.assert_close(fast, one)


def test_autocast_stays_near():
    model, x = HRNetSmall(8).eval(), torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    model.init_weights()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        outputs = model(x)
    for exact, low in zip(model(x), outputs, strict=True):
        assert 0 < (low.float() - exact).norm() / exact.norm() < 0.05
