"""HybridNet: sizes, limits, gradients, attention, and the ways in which it is run."""

import copy
import shutil

import pytest
import torch
from mmpose.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from hybridkp.models import FeaturePyramid, HybridNet
from hybridkp.models.backbones.hybrid_net import _ChannelAttention, _SpatialAttention

pytestmark = pytest.mark.usefixtures('mmpose_scope')
VARIANTS = sorted(HybridNet.variants)


@pytest.fixture
def tiny(monkeypatch):
    """A variant whose compilation takes seconds."""
    spec = dict(stem=8, channels=(8, 8), blocks=(1, 1), layers=(1, 1), growth=(8, 8))
    monkeypatch.setitem(HybridNet.variants, 'tiny', spec)


def build(variant='s', **options):
    """A seeded network in evaluation mode, whose normalisation is not the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = HybridNet(variant, **options)
        model.init_weights()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
    return model.eval()


def image(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('variant', VARIANTS)
def test_strides_and_channels(variant):
    model = MODELS.build(dict(type='HybridNet', variant=variant)).to('meta')
    outputs = model(torch.empty(2, 3, 96, 64, device='meta'))
    assert isinstance(outputs, tuple)
    assert [tuple(output.shape) for output in outputs] == [
        (2, channels, 96 // stride, 64 // stride)
        for channels, stride in zip(model.out_channels, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize('height, width', [(33, 47), (65, 1), (1, 1)])
def test_odd_sizes_round_up(height, width):
    outputs = build('s')(image(1, 3, height, width))
    assert [tuple(output.shape[2:]) for output in outputs] == [
        (-(-height // stride), -(-width // stride)) for stride in (4, 8, 16, 32)
    ]
    assert all(output.isfinite().all() for output in outputs)


@pytest.mark.parametrize('variant, width, parameters, operations', [('s', 64, 3e6, 1.2e9), ('b', 128, 15e6, 4.5e9)])
def test_limits_with_the_pyramid(variant, width, parameters, operations):
    backbone = HybridNet(variant)
    model = torch.nn.Sequential(backbone, FeaturePyramid(backbone.out_channels, width)).to('meta').eval()
    assert sum(parameter.numel() for parameter in model.parameters()) <= parameters
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 256, 192, device='meta'))
    assert 0 < counter.get_total_flops() / 2 <= operations


@pytest.mark.parametrize('variant', VARIANTS)
def test_every_parameter_has_a_gradient(variant):
    model = build(variant).train()
    sum(output.square().mean() for output in model(image(2, 3, 64, 64))).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


def test_unknown_variant():
    with pytest.raises(ValueError, match="HybridNet has the variants .*'b', 's'.*, not 'xxl'"):
        HybridNet('xxl')


def test_other_channels_and_norms():
    model = build('s', in_channels=1, norm_cfg=dict(type='GN', num_groups=1))
    assert model(image(1, 1, 64, 64))[0].isfinite().all()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


def test_pretrained_weights_with_a_prefix(tmp_path):
    source = build('s')
    state = {f'backbone.{name}': value for name, value in source.state_dict().items()}
    torch.save(dict(state_dict={**state, 'head.weight': torch.zeros(1)}), tmp_path / 'trained.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'trained.pth'), prefix='backbone.')
    model = MODELS.build(dict(type='HybridNet', variant='s', init_cfg=pretrained))
    before = model.state_dict()['stem.0.conv.weight'].clone()
    model.init_weights()
    loaded = model.state_dict()
    assert not torch.equal(before, loaded['stem.0.conv.weight'])
    assert all(torch.equal(value, loaded[name]) for name, value in source.state_dict().items())


def test_state_dict_round_trip():
    model, other = build('s'), HybridNet('s').eval()
    x = image(1, 3, 32, 32)
    assert not torch.equal(model(x)[0], other(x)[0])
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(model(x), other(x), strict=True))


def test_start_is_the_same_for_the_same_seed_and_keeps_the_scale():
    first, second = build('s'), build('s')
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    for output in HybridNet('s').train()(image(4, 3, 64, 64)):
        assert 0.05 < output.std() < 20


@pytest.mark.parametrize(
    'backend',
    [
        'aot_eager',
        pytest.param(
            'inductor',
            marks=pytest.mark.skipif(
                not any(map(shutil.which, ('g++', 'clang++'))), reason='inductor needs a C++ compiler: none found'
            ),
        ),
    ],
)
def test_compiles_to_one_graph(backend, tiny):
    model, x = build('tiny'), image(1, 3, 64, 64)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    with torch.no_grad():
        for eager, fast in zip(model(x), compiled(x), strict=True):
            torch.testing.assert_close(fast, eager, rtol=0, atol=1e-4)


def test_real_variant_is_one_graph():
    model, x = build('s'), image(1, 3, 32, 32)
    with torch.no_grad():
        fast = torch.compile(model, backend='eager', fullgraph=True)(x)
    torch.testing.assert_close(fast[-1], model(x)[-1], rtol=0, atol=1e-4)


def test_channels_last_gives_the_same():
    model, x = build('s'), image(2, 3, 64, 64)
    other = copy.deepcopy(model).to(memory_format=torch.channels_last)
    outputs = other(x.to(memory_format=torch.channels_last))
    assert outputs[0].is_contiguous(memory_format=torch.channels_last)
    for plain, last, mixed in zip(model(x), outputs, other(x), strict=True):
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(mixed, plain, rtol=1e-4, atol=1e-4)


def test_autocast_stays_near():
    model, x = build('s'), image(2, 3, 64, 64)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        outputs = model(x)
    for exact, low in zip(model(x), outputs, strict=True):
        assert low.isfinite().all()
        error = torch.linalg.vector_norm(low.float() - exact) / torch.linalg.vector_norm(exact)
        assert 0 < error < 0.05, error


def test_channel_attention_by_hand():
    attention = _ChannelAttention(2)
    first, _, second = attention.perceptron
    torch.nn.init.zeros_(first.weight)
    torch.nn.init.zeros_(second.weight)
    first.weight.data[0, :, 0, 0] = torch.tensor([1.0, 0.5])
    second.weight.data[:, 0, 0, 0] = torch.tensor([1.0, -1.0])
    x = torch.tensor([[[[0.0, 4.0]], [[2.0, 2.0]]]])
    # averages (2, 2) give 2 + 1 = 3, maxima (4, 2) give 4 + 1 = 5; the gates are sigmoid(8) and sigmoid(-8)
    gates = torch.sigmoid(torch.tensor([8.0, -8.0]))[:, None, None]
    torch.testing.assert_close(attention(x), x * gates)


def test_spatial_attention_by_hand():
    attention = _SpatialAttention(dict(type='BN')).eval()
    convolution = attention.conv.conv
    torch.nn.init.zeros_(convolution.weight)
    convolution.weight.data[0, :, 3, 3] = torch.tensor([1.0, 0.5])
    x = torch.tensor([[[[0.0, 4.0]], [[2.0, 2.0]]]])
    # averages over channels (1, 3), maxima (2, 4): 1 + 1 = 2 and 3 + 2 = 5; the normalisation only adds its epsilon
    gates = torch.sigmoid(torch.tensor([[[[2.0, 5.0]]]]))
    torch.testing.assert_close(attention(x), x * gates, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('attention', [_ChannelAttention(16), _SpatialAttention(dict(type='BN')).eval()])
def test_gates_lie_between_0_and_1(attention):
    x = image(2, 16, 9, 7)
    gates = attention(x) / x
    assert ((gates > 0) & (gates < 1)).all() and gates.std() > 1e-4


def test_attention_weights_are_used():
    model, x = build('s'), image(1, 3, 32, 32)
    before = model(x)[0]
    blocks = [module for module in model.modules() if isinstance(module, _ChannelAttention | _SpatialAttention)]
    assert len(blocks) == 8, 'one of each a stage'
    for block in blocks[:2]:
        saved = copy.deepcopy(block.state_dict())
        for parameter in block.parameters():
            parameter.data.mul_(2)
        assert not torch.allclose(model(x)[0], before)
        block.load_state_dict(saved)
