"""What can be examined with the data sets and the model of a config in hand."""

import os
from collections.abc import Callable, Iterator, Sequence

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS
from torch import nn

from hybridkp.codecs.base import KeypointCodec
from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.inspection.data_part import DataPart
from hybridkp.inspection.finding import Finding, fail, ok
from hybridkp.inspection.model_checks import check_disk, check_memory, check_speed, check_step, memory_of, training_time
from hybridkp.inspection.reading import Reading, read_samples
from hybridkp.inspection.sample_checks import check_kept_labels, check_targets
from hybridkp.inspection.training_step import TrainingStep, take_step

BATCH = 4
"""Samples of a training step on a CPU; what it takes is scaled to the config's batch."""


def examine_model(
    cfg: Config, parts: Sequence[DataPart], count: int, device: torch.device, checkpoint: str | None
) -> Iterator[Finding]:
    """Build model and data sets, run samples through the pipelines, and train for a step.

    Args:
        cfg: the config.
        parts: the data sets whose labels are right.
        count: how many samples of each run through its pipeline.
        device: where the step runs.
        checkpoint: a file that has to fit the model, or None.
    """
    model = _attempt('the model cannot be built', 'correct model in the config', MODELS.build, cfg.model)
    if isinstance(model, Finding):
        yield model
        return
    yield from _check_checkpoints(cfg, model, checkpoint)
    for part in parts:
        trains = 'train' in part.uses
        dataset = _attempt(f'{part.title}: the data set cannot be built', 'correct its settings', part.build)
        if isinstance(dataset, Finding):
            yield dataset
            continue
        number = max(count, batch_of(cfg, device)) if trains else count
        what, mend = f'{part.title}: the pipeline fails', 'correct its transforms or the sample'
        reading = _attempt(what, mend, read_samples, dataset, number)
        if isinstance(reading, Finding):
            yield reading
            continue
        yield from _examine_samples(model, part, reading)
        if trains:
            yield from _examine_step(cfg, model.to(device), reading, len(dataset))


def batch_of(cfg: Config, device: torch.device) -> int:
    """Give how many samples a step is examined on: on a GPU those that the config says, on a CPU a few of them."""
    batch = cfg.train_dataloader.get('batch_size', 1)
    return batch if device.type == 'cuda' else min(batch, BATCH)


def _check_checkpoints(cfg: Config, model: nn.Module, checkpoint: str | None) -> Iterator[Finding]:
    for path, partial in ((checkpoint, False), (cfg.get('load_from'), not cfg.get('resume'))):
        if not path:
            continue
        try:
            check_checkpoint(path, model, partial)
        except (ValueError, OSError) as error:
            yield fail(str(error), 'take the checkpoint of this config, or the config of this checkpoint')
        else:
            yield ok(f'checkpoint {path} fits the model')


def _examine_samples(model: nn.Module, part: DataPart, reading: Reading) -> Iterator[Finding]:
    codec = getattr(getattr(model, 'head', None), 'codec', None)
    if not isinstance(codec, KeypointCodec):
        return  # its samples are of another form
    yield check_kept_labels(part.title, reading.samples, 'train' in part.uses)
    what = f'{part.title}: targets cannot be made'
    findings = _attempt(what, 'correct model.head.codec', _targets, part.title, codec, reading.samples)
    yield from [findings] if isinstance(findings, Finding) else findings


def _examine_step(cfg: Config, model: nn.Module, reading: Reading, size: int) -> Iterator[Finding]:
    device = next(model.parameters()).device
    samples = reading.samples[: batch_of(cfg, device)]
    step = _attempt(
        f'a training step on {len(samples)} samples fails',
        'where memory is short take a smaller batch_size; else correct model or optim_wrapper',
        _step,
        cfg,
        model,
        samples,
    )
    if isinstance(step, Finding):
        yield step
        return
    yield from check_step(step)
    yield check_memory(step, cfg.train_dataloader.get('batch_size', 1), *memory_of(device))
    workers, cores = cfg.train_dataloader.get('num_workers', 0), _cores()
    yield check_speed(step, reading.seconds, workers, cores)
    if epochs := (cfg.get('train_cfg') or {}).get('max_epochs'):
        yield training_time(step, reading.seconds, min(workers, cores), size * epochs, memory_of(device)[1])
        yield check_disk(step, cfg)


def _cores() -> int:
    """Count the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _step(cfg: Config, model: nn.Module, samples: Sequence[dict]) -> TrainingStep:
    model.init_weights()
    wrapper = build_optim_wrapper(model, dict(type='OptimWrapper') | dict(cfg.optim_wrapper))
    return take_step(model, wrapper, samples)


def _targets(title: str, codec: nn.Module, samples: Sequence[dict]) -> list[Finding]:
    return list(check_targets(title, codec, samples))


def _attempt(what: str, mend: str, make: Callable, *arguments: object) -> object:
    """Give what a function makes, or a finding that says what it raised: a part of a config may raise anything."""
    try:
        return make(*arguments)
    except Exception as error:
        lines = str(error).strip().splitlines() or ['']
        return fail(f'{what}: {type(error).__name__}: {lines[-1]}', mend)
