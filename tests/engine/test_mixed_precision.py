"""Mixed precision where there is no GPU."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmpose.registry import OPTIM_WRAPPERS

from hybridkp.engine import MixedPrecision, mixed_precision


@pytest.fixture(params=[True, False], ids=['faster in bfloat16', 'slower'])
def pays(request, monkeypatch):
    """Let the CPU be faster in bfloat16, or not, whatever it is."""
    monkeypatch.setattr(mixed_precision, 'bfloat16_pays', lambda device: request.param)
    return request.param


def wrapped(model, **settings):
    return MixedPrecision(torch.optim.SGD(model.parameters(), lr=1.0), **settings)


def test_is_registered_for_configs(mmpose_scope):
    assert OPTIM_WRAPPERS.get('MixedPrecision') is MixedPrecision
    optimizer = dict(type='AdamW', lr=0.1)
    wrapper = build_optim_wrapper(torch.nn.Linear(2, 2), dict(type='MixedPrecision', optimizer=optimizer))
    assert isinstance(wrapper, MixedPrecision)


def test_forward_in_bfloat16_where_it_pays_weights_and_gradients_in_float32(pays):
    model = torch.nn.Linear(4, 2)
    wrapper, before = wrapped(model), model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.randn(3, 4))
        assert out.dtype == (torch.bfloat16 if pays else torch.float32)
    wrapper.update_params(out.float().square().mean())
    assert model.weight.dtype == torch.float32 and (model.weight != before).any()
    assert model(torch.randn(3, 4)).dtype == torch.float32


def test_accumulates_and_clips():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    wrapper = wrapped(model, accumulative_counts=2, clip_grad=dict(max_norm=0.5))
    for _ in range(2):
        with wrapper.optim_context(model):
            loss = 8 * model(torch.ones(1, 1)).float().sum()
        assert (model.weight == 0).all()
        wrapper.update_params(loss)
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[-0.5]]), atol=1e-5, rtol=0)


def test_says_once_that_a_processor_is_slower(pays, monkeypatch):
    said, model = [], torch.nn.Linear(1, 1)
    monkeypatch.setattr(mixed_precision, 'print_log', lambda message, logger: said.append(message))
    wrapper = wrapped(model)
    for _ in range(3):
        with wrapper.optim_context(model):
            pass
    expected = [] if pays else ['this cpu is not faster in bfloat16: training in float32']
    assert said == expected


@pytest.fixture
def asked():
    """Ask about a device as if for the first time."""
    mixed_precision.bfloat16_pays.cache_clear()
    yield mixed_precision.bfloat16_pays.__wrapped__
    mixed_precision.bfloat16_pays.cache_clear()


@pytest.mark.parametrize('faster, expected', [(2.0, True), (1.1, False), (0.5, False)])
def test_a_processor_is_timed(asked, monkeypatch, faster, expected):
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: True)
    monkeypatch.setattr(mixed_precision, 'seconds', lambda dtype: faster if dtype == torch.float32 else 1.0)
    assert asked('cpu') is expected
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: False)
    assert not asked('cpu')


def test_what_is_timed_runs_in_that_precision_and_draws_no_random_number(monkeypatch):
    convolve, seen, state = mixed_precision.conv2d, [], torch.get_rng_state()
    monkeypatch.setattr(
        mixed_precision, 'conv2d', lambda *args, **more: seen.append(convolve(*args, **more)) or seen[-1]
    )
    for dtype in (torch.float32, torch.bfloat16):
        assert mixed_precision.seconds(dtype, runs=1) > 0 and seen[-1].dtype == dtype
    assert torch.equal(torch.get_rng_state(), state)


def test_a_gpu_must_not_emulate_it(asked, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: including_emulation)
    assert not asked('cuda') and asked('mps')
