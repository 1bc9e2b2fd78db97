"""Classification: training steps and the data pipeline at their input size, and how many cores feed one step."""

import argparse
import math
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from benchmarks.contest import Contest, Run
from benchmarks.pipeline import in_line, repeated
from benchmarks.points import IMAGES, ROOT
from benchmarks.train import build
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.hub import get_config
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS, TRANSFORMS
from torch.utils.data import Dataset

from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError

CONFIG = ROOT / 'configs/pretrain/hybridnet_s_imagenet_224.py'
THEIRS, THEIR_NAME = 'mmpretrain::resnet/resnet18_8xb32_in1k.py', "mmpretrain's resnet18"
VARIANTS = {'fp32': {}, 'bf16': dict(amp=True), 'bf16 compiled': dict(amp=True, compiled=True)}
"""What a step of ours is measured in, channels last all of them."""
PIPELINE = 'hybridkp, one core'
THEIR_PIPELINE = (
    dict(type='LoadImageFromFile'),
    dict(type='mmpretrain.RandomResizedCrop', scale=224),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.PackInputs'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', default=str(CONFIG), help='of a classifier; default HybridNet-s for ImageNet')
    parser.add_argument('--batch-size', type=int, default=32, help='images a step; default %(default)s')
    parser.add_argument('--variants', nargs='+', choices=VARIANTS, default=['fp32', 'bf16'], help='default fp32 bf16')
    parser.add_argument('--images', default=str(IMAGES), help='folder of images to read; default the bundled ones')
    parser.add_argument('--samples', type=int, default=104, help='images a run of the pipeline; default %(default)s')
    parser.set_defaults(threads=1)


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Take steps as the training does, then read and crop images in one process."""
    cfg = load_config(args.config, None, None)
    if cfg.model.type != 'mmpretrain.ImageClassifier':
        raise InputError(f'{args.config}: expected a classifier, got {cfg.model.type}')
    steps = step_contest(cfg, args)
    yield steps
    yield pipeline_contest(cfg, args, steps)


def step_contest(cfg: Config, args: argparse.Namespace) -> Contest:
    """Return the contest of whole steps, the images' way to the device and their normalisation included."""
    torch.backends.cudnn.benchmark = True
    data, name = batch(cfg, args.batch_size), Path(cfg.filename).stem
    ours = {
        f'hybridkp, {name}, {variant}': step(cfg, build(cfg, args.device), data, **VARIANTS[variant])
        for variant in args.variants
    }
    their_config = get_config(THEIRS)
    their_config.model.update(data_preprocessor=cfg.model.data_preprocessor)
    their_config.model.head.num_classes = cfg.model.head.num_classes
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        their_model = build(their_config, args.device)
    variant = args.variants[-1]
    theirs = {f'{THEIR_NAME}, {variant}': step(cfg, their_model, data, **VARIANTS[variant])}
    width, height = cfg.input_size
    return Contest(
        f'training step, batch {args.batch_size}, {width}x{height}, {cfg.model.head.num_classes} classes',
        ours,
        theirs,
        items=args.batch_size,
        notes=[
            "another network than mmpretrain's resnet18, which is there for a measure",
            'weights and images channels last',
        ],
    )


def pipeline_contest(cfg: Config, args: argparse.Namespace, steps: Contest) -> Contest:
    """Return the contest of reading and cropping, which says in the end how many cores feed one step."""

    def conclude(contest: Contest) -> dict[str, float]:
        name, rate = fastest(steps)
        core = contest.items / median(contest.seconds[PIPELINE])
        cores, there = math.ceil(rate / core), os.cpu_count() or 1
        bound = 'the loader is what bounds the training' if cores > there else 'the loader keeps up'
        contest.notes.append(
            f'{cores} cores feed one step of {name} ({rate:.0f} images/s) at {core:.0f} images/s each; '
            f'this machine has {there}: {bound}'
        )
        return {'cores that feed one step': float(cores)}

    ours = repeated(ours_of(cfg, args.images), args.samples)
    theirs = repeated(theirs_of(args.images), args.samples)
    return Contest(
        f'pipeline, {args.samples} images, from files to {cfg.input_size[0]}x{cfg.input_size[1]}, in one process',
        {PIPELINE: lambda: in_line(ours)},
        {"mmpretrain's pipeline, one core": lambda: in_line(theirs)},
        items=args.samples,
        notes=['both decode with OpenCV; hybridkp averages where it shrinks, mmpretrain interpolates'],
        conclude=conclude,
    )


def fastest(contest: Contest) -> tuple[str, float]:
    """Return which of our runs is the fastest, and how many images it takes a second."""
    name = min(contest.ours, key=lambda name: median(contest.seconds[name]))
    return name, contest.items / median(contest.seconds[name])


def batch(cfg: Config, size: int) -> dict:
    """Return random images and classes as the config's data loader packs them."""
    (width, height), rng = cfg.input_size, np.random.default_rng(0)
    pack = TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[-1])
    samples = [
        dict(
            img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
            gt_label=int(rng.integers(cfg.model.head.num_classes)),
        )
        for _ in range(size)
    ]
    return default_collate([pack(sample) for sample in samples])


def step(cfg: Config, model: BaseModel, data: dict, amp: bool = False, compiled: bool = False) -> Run:
    """Return what takes one step as mmengine's training loop does."""
    model = model.to(memory_format=torch.channels_last)
    precision = dict(type='MixedPrecision' if amp else 'OptimWrapper', optimizer=cfg.optim_wrapper.optimizer)
    optimizer = build_optim_wrapper(model, precision)
    if compiled:
        model.backbone.compile()

    return lambda: model.train_step(data, optimizer)


def ours_of(cfg: Config, folder: str) -> Dataset:
    """Build the images of a folder, whatever their classes, with the config's training pipeline."""
    return DATASETS.build(dict(type='ImageFolder', data_root=folder, pipeline=cfg.train_dataloader.dataset.pipeline))


def theirs_of(folder: str) -> Dataset:
    """Build the same images with the training pipeline of mmpretrain's configs."""
    return DATASETS.build(
        dict(type='mmpretrain.CustomDataset', data_prefix=folder, with_label=False, pipeline=list(THEIR_PIPELINE))
    )
