"""Mixed precision where there is no GPU."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmpose.registry import OPTIM_WRAPPERS

from hybridkp.engine import MixedPrecision, mixed_precision


@pytest.fixture(params=[True, False], ids=['has bfloat16', 'has none'])
def has_bfloat16(request, monkeypatch):
    """Let the CPU have bfloat16, or not, whatever it has."""
    monkeypatch.setattr(mixed_precision, 'has_bfloat16', lambda device: request.param)
    return request.param


def wrapped(model, **settings):
    return MixedPrecision(torch.optim.SGD(model.parameters(), lr=1.0), **settings)


def test_is_registered_for_configs(mmpose_scope):
    assert OPTIM_WRAPPERS.get('MixedPrecision') is MixedPrecision
    optimizer = dict(type='AdamW', lr=0.1)
    wrapper = build_optim_wrapper(torch.nn.Linear(2, 2), dict(type='MixedPrecision', optimizer=optimizer))
    assert isinstance(wrapper, MixedPrecision)


def test_forward_in_bfloat16_where_it_pays_weights_and_gradients_in_float32(has_bfloat16):
    model = torch.nn.Linear(4, 2)
    wrapper, before = wrapped(model), model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.randn(3, 4))
        assert out.dtype == (torch.bfloat16 if has_bfloat16 else torch.float32)
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


def test_says_once_that_a_processor_has_no_bfloat16(has_bfloat16, monkeypatch):
    said, model = [], torch.nn.Linear(1, 1)
    monkeypatch.setattr(mixed_precision, 'print_log', lambda message, logger: said.append(message))
    wrapper = wrapped(model)
    for _ in range(3):
        with wrapper.optim_context(model):
            pass
    expected = [] if has_bfloat16 else ['this cpu has no bfloat16: training in float32, which is faster here']
    assert said == expected


def test_knows_what_a_processor_has(monkeypatch):
    assert mixed_precision.has_bfloat16('cpu') == torch.ops.mkldnn._is_mkldnn_bf16_supported()
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: False)
    assert not mixed_precision.has_bfloat16('cpu')
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: including_emulation)
    assert not mixed_precision.has_bfloat16('cuda') and mixed_precision.has_bfloat16('mps')
