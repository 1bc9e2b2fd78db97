"""Checks of a training step: finite, complete, within memory, and fed fast enough."""

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.config import Config

from hybridkp.inspection.finding import Finding, fail, listed, ok, percent, warn
from hybridkp.inspection.training_step import TrainingStep

FULL = 0.8
"""Share of a memory or a disk that may be filled: what is computed beside what is kept comes on top."""

LONG = 7 * 86400
"""Seconds of a training that is too long to be meant."""


def check_step(step: TrainingStep) -> Iterator[Finding]:
    """Look for losses and gradients that are not finite, and for parameters that are not trained."""
    text = ', '.join(f'{name} {value:.4g}' for name, value in step.losses.items())
    if not all(map(math.isfinite, step.losses.values())):
        yield fail(
            f'a training step on {step.batch} samples gives losses that are not finite: {text}',
            'check the labels, the loss and the learning rate; train without mixed precision',
        )
    elif step.broken:
        yield fail(
            f'gradients of {len(step.broken)} parameters are not finite: {listed(step.broken)}',
            'clip gradients (clip_grad), warm up, or train without mixed precision',
        )
    else:
        yield ok(f'a training step on {step.batch} samples: {text}')
    if step.untrained:
        yield warn(
            f'{len(step.untrained)} parameters got no gradient: {listed(step.untrained)}',
            'take them out of the model; with several GPUs set find_unused_parameters=True',
        )


def check_memory(step: TrainingStep, batch: int, total: int, where: str) -> Finding:
    """Compare what a batch will take with the memory there is, both in bytes."""
    needed = step.fixed + step.per_sample * batch
    text = f'a batch of {batch} takes at least {_size(needed)} of {_size(total)} of {where}'
    if needed > FULL * total:
        fits = int(max(0, FULL * total - step.fixed) / max(step.per_sample, 1))
        return warn(
            text,
            f'set train_dataloader.batch_size to at most {fits}, with optim_wrapper.accumulative_counts for the rest',
        )
    return ok(text)


def memory_of(device: torch.device) -> tuple[int, str]:
    """Give the bytes of a device's memory, and what the device is called."""
    if device.type == 'cuda':
        return torch.cuda.get_device_properties(device).total_memory, torch.cuda.get_device_name(device)
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'), 'this CPU'


def check_speed(step: TrainingStep, seconds: float, workers: int, cores: int) -> Finding:
    """Compare the pipeline with the network.

    Args:
        step: a step, timed.
        seconds: that the pipeline takes for a sample in one process.
        workers: the loader's processes; 0 for none.
        cores: that they may run on.
    """
    network = step.batch / step.seconds
    processes = max(1, min(workers, cores))
    loader = processes / seconds
    text = (
        f'the pipeline makes {loader:.3g} images/s ({processes} of {cores} cores), the network takes {network:.3g} '
        'images/s'
    )
    if loader >= network:
        return ok(f'{text}: not bound by the loader')
    needed = math.ceil(network * seconds)
    if needed <= cores:
        mend = f'set train_dataloader.num_workers to {needed}'
    else:
        mend = f'it would take {needed} cores: store smaller images, or take a cheaper augmentation'
    return warn(f'{text}: bound by the loader, the network waits {percent(1 - loader / network)} of the time', mend)


def training_time(step: TrainingStep, seconds: float, workers: int, samples: int, where: str) -> Finding:
    """Estimate how long so many samples, of all epochs, take on a device.

    Args:
        step: a step, timed.
        seconds: that the pipeline takes for a sample in one process.
        workers: the loader's processes; 0 for none, so that the network waits for it.
        samples: how many are trained on in all.
        where: what the device is called.
    """
    network, feeding = step.seconds / step.batch, seconds / max(workers, 1)
    whole = samples * (max(network, feeding) if workers else network + feeding)
    text = f'training on {samples} samples in all takes about {_duration(whole)} on {where}, without evaluation'
    if whole > LONG:
        return warn(text, 'train on a faster machine or on several GPUs, for fewer epochs, or a smaller network')
    return ok(text)


def check_disk(step: TrainingStep, cfg: Config) -> Finding:
    """Compare the checkpoints that are kept with the room on the disk."""
    folder = Path(cfg.work_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    kept = (cfg.default_hooks.get('checkpoint') or {}).get('max_keep_ckpts', -1)
    epochs, interval = cfg.train_cfg.get('max_epochs', 1), cfg.default_hooks.checkpoint.get('interval', 1)
    count = (kept if kept > 0 else max(1, epochs // max(1, interval))) + 2  # the best one, and one while it is written
    needed, free = count * step.fixed, shutil.disk_usage(folder).free
    text = f'{count} checkpoints take about {_size(needed)}, {_size(free)} are free for {cfg.work_dir}'
    if needed > FULL * free:
        return fail(text, 'make room, or keep fewer (default_hooks.checkpoint.max_keep_ckpts)')
    return ok(text)


def _size(count: float) -> str:
    """Write bytes in GB or MB."""
    return f'{count / 1e9:.3g} GB' if count >= 1e9 else f'{count / 1e6:.3g} MB'


def _duration(seconds: float) -> str:
    for unit, length in (('days', 86400), ('hours', 3600), ('minutes', 60)):
        if seconds >= 2 * length:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds:.0f} seconds'
