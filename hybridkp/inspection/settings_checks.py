"""Checks of what a config says about training: learning rate, schedule, metrics."""

import contextlib
import io
import os.path as osp
from collections.abc import Iterator

from mmengine.config import Config
from mmpose.registry import METRICS

from hybridkp.inspection.data_part import DataPart
from hybridkp.inspection.finding import Finding, fail, ok, warn

FALLING = ('EPE', 'NME', 'MRE', 'SD')
"""What begins the names of measures of which less is better."""

FACTOR = 2.0
"""How many times larger or smaller than the one meant a batch may be before a learning rate should follow."""


def check_learning_rate(cfg: Config, gpus: int) -> Finding:
    """Compare the batch of all GPUs with the one that the learning rate is for."""
    batch = cfg.train_dataloader.get('batch_size', 1)
    settings, wrapper = cfg.get('auto_scale_lr') or {}, cfg.get('optim_wrapper') or {}
    rate, base = (wrapper.get('optimizer') or {}).get('lr'), settings.get('base_batch_size')
    total, steps = batch * gpus, wrapper.get('accumulative_counts', 1)
    text = f'batch {total} ({batch} on each of {gpus} GPUs)' if gpus > 1 else f'batch {total}'
    text += f', a step every {steps} batches' if steps > 1 else ''
    if rate is None or base is None:
        return ok(f'{text}; learning rate {rate}, with no auto_scale_lr that says which batch it is for')
    scaled = rate * total / base
    if settings.get('enable'):
        return ok(f'{text}; learning rate {rate:g} for a batch of {base} is scaled to {scaled:.3g}')
    if max(total / base, base / total) > FACTOR:
        return warn(
            f'{text}, while the learning rate {rate:g} is for a batch of {base}',
            f'train with --auto-scale-lr, which takes {scaled:.3g}; or let --gpus say how many there are',
        )
    return ok(f'{text}; learning rate {rate:g}, meant for a batch of {base}')


def check_schedule(cfg: Config) -> Iterator[Finding]:
    """Check that schedulers, evaluation and checkpoints fit the number of epochs."""
    epochs, loop = (cfg.get('train_cfg') or {}).get('max_epochs'), cfg.get('train_cfg') or {}
    if epochs is None:
        return
    schedulers = cfg.get('param_scheduler') or []
    schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
    ends = [s['end'] for s in schedulers if s.get('by_epoch', True) and s.get('end') is not None]
    late = [m for s in schedulers if s.get('by_epoch', True) for m in s.get('milestones', ()) if m >= epochs]
    if ends and max(ends) != epochs:
        yield warn(
            f'the learning rate is scheduled for {max(ends)} epochs, and {epochs} are trained',
            "set the schedulers' end to train_cfg.max_epochs",
        )
    if late:
        yield warn(f'the learning rate falls at epochs {late}, after the last of {epochs}', 'bring milestones forward')
    if loop.get('val_interval', 1) > epochs:
        yield warn(
            f'val_interval is {loop["val_interval"]} of {epochs} epochs: nothing is evaluated', 'make it smaller'
        )
    saves = cfg.default_hooks.get('checkpoint') or {}
    if not saves:
        yield fail('no checkpoint hook: nothing is saved', 'take default_hooks from _base_/default_runtime.py')
    elif saves.get('by_epoch', True) and saves.get('interval', -1) > epochs and not saves.get('save_last', True):
        yield fail(f'checkpoints every {saves["interval"]} of {epochs} epochs: none is saved', 'save more often')
    yield ok(f'{epochs} epochs, evaluated every {loop.get("val_interval", 1)}, saved every {saves.get("interval", -1)}')


def check_evaluators(cfg: Config, parts: list[DataPart]) -> Iterator[Finding]:
    """Build the metrics of val and test, and check that they measure on the annotations that are read."""
    names = {}
    for use in ('val', 'test'):
        evaluators = cfg.get(f'{use}_evaluator')
        files = {osp.realpath(part.ann_file) for part in parts if use in part.uses}
        names[use] = []
        for settings in evaluators if isinstance(evaluators, list) else [evaluators]:
            if settings:
                yield from _check_evaluator(use, settings, files, names[use])
    yield from _check_best(cfg, names['val'])


def _check_evaluator(use: str, settings: dict, files: set[str], names: list[str]) -> Iterator[Finding]:
    kind, path = settings.get('type'), settings.get('ann_file')
    if path and not osp.exists(path):
        yield fail(f'{use}_evaluator {kind}: {path}: there is no such file', 'give it the ann_file of the data set')
        return
    if path and files and osp.realpath(path) not in files:
        yield fail(
            f'{use}_evaluator {kind} measures on {path}, {use}_dataloader reads {" and ".join(sorted(files))}',
            'give both the same ann_file',
        )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            metric = METRICS.build(settings)
    except Exception as error:  # a metric may raise whatever it likes when it reads its file
        yield fail(f'{use}_evaluator {kind} cannot be built: {error}', 'correct its settings or its annotations')
        return
    names.append(metric.prefix or metric.default_prefix or kind)
    if unit := getattr(metric, 'unit', None):
        names += [f'{name}_{unit}' for name in ('MRE', 'SD')] + ['MRE_px', 'SD_px']
    yield ok(f'{use} is measured by {kind}')


def _check_best(cfg: Config, names: list[str]) -> Iterator[Finding]:
    """Check that the checkpoint to keep is chosen by a measure of the validation, and by its better end."""
    hook = cfg.default_hooks.get('checkpoint') or {}
    best, rule = hook.get('save_best'), hook.get('rule')
    if not best or best == 'auto' or not isinstance(best, str):
        return
    if names and best.split('/')[0] not in names:
        yield warn(f'save_best is {best}, and val measures {", ".join(names)}', 'name a measure of val_evaluator')
    expected = 'less' if best.split('/')[-1].startswith(FALLING) else 'greater'
    if rule and rule != expected:
        yield fail(f'save_best {best} has the rule {rule!r}: the worst checkpoint is kept', f'set rule={expected!r}')


def mirrors(cfg: Config, parts: list[DataPart]) -> bool:
    """Say whether a config mirrors images, in training or in the test."""
    flips = any('train' in part.uses and part.step('RandomFlip') for part in parts)
    return flips or bool((cfg.model.get('test_cfg') or {}).get('flip_test'))


def num_outputs(cfg: Config) -> int | None:
    """Give how many keypoints a config's head predicts, or None where it does not say."""
    head = cfg.model.get('head') or {}
    return head.get('num_keypoints', head.get('out_channels'))
