"""One training step on real samples, watched."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainingStep:
    """What a training step on B samples gave.

    Args:
        batch: B.
        losses: what the model returned, by name, and their sum as ``'loss'``.
        untrained: the parameters that got no gradient.
        broken: the parameters whose gradient, or whose value after the step, is not finite.
        seconds: of a step, after a first one.
        fixed: bytes of parameters, buffers, gradients and the optimizer's state.
        per_sample: bytes that a sample takes beside them, of what is kept for the backward pass.
    """

    batch: int
    losses: dict[str, float]
    untrained: list[str]
    broken: list[str]
    seconds: float
    fixed: int
    per_sample: float


def take_step(model: nn.Module, wrapper: OptimWrapper, samples: Sequence[dict], repeats: int = 2) -> TrainingStep:
    """Train a model for one step, and time some more.

    Args:
        model: an estimator with a preprocessor, on the device to measure; it is changed.
        wrapper: its optimizer.
        samples: the batch, as a data set gives them.
        repeats: how many steps are timed.
    """
    model.train()
    device = next(model.parameters()).device
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
    kept = _Kept(model)
    with torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor):
        losses = _losses(model, wrapper, samples)
    losses['loss'].backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    untrained = [name for name, gradient in gradients.items() if gradient is None]
    broken = [name for name, gradient in gradients.items() if gradient is not None and not gradient.isfinite().all()]
    wrapper.optimizer.step()
    broken += [name for name, p in model.named_parameters() if name not in broken and not p.isfinite().all()]
    wrapper.optimizer.zero_grad()
    fixed = _bytes_of_state(model, wrapper)
    peak = torch.cuda.max_memory_allocated(device) - fixed if device.type == 'cuda' else kept.size
    return TrainingStep(
        batch=len(samples),
        losses={name: value.item() for name, value in losses.items()},
        untrained=untrained,
        broken=broken,
        seconds=_time_steps(model, wrapper, samples, repeats),
        fixed=fixed,
        per_sample=peak / len(samples),
    )


def _losses(model: nn.Module, wrapper: OptimWrapper, samples: Sequence[dict]) -> dict[str, Tensor]:
    with wrapper.optim_context(model):
        data = model.data_preprocessor(pseudo_collate(list(samples)), training=True)
        losses = model(**data, mode='loss')
    total, logs = model.parse_losses(losses)
    return {**logs, 'loss': total}


def _time_steps(model: nn.Module, wrapper: OptimWrapper, samples: Sequence[dict], repeats: int) -> float:
    """Give the seconds of a step."""
    start = time.perf_counter()
    for _ in range(repeats):
        _losses(model, wrapper, samples)['loss'].backward()
        wrapper.optimizer.step()
        wrapper.optimizer.zero_grad()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def _bytes_of_state(model: nn.Module, wrapper: OptimWrapper) -> int:
    parameters = list(model.parameters())
    state = [value for entry in wrapper.optimizer.state.values() for value in entry.values()]
    tensors = [*parameters, *parameters, *model.buffers(), *state]  # the parameters once more for their gradients
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, Tensor))


class _Kept:
    """Count the bytes that are kept for the backward pass, each storage once, without the model's own."""

    def __init__(self, model: nn.Module):
        self.size = 0
        self.seen = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.seen:
            self.seen.add(storage.data_ptr())
            self.size += storage.nbytes()
        return tensor
