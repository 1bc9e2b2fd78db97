"""Training steps of several configs on images of their own size, beside those of the first config."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from benchmarks.contest import Contest, Run
from benchmarks.train import build
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper

from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError

PARAMETERS, OPERATIONS = 'parameters (M)', 'GMAC'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('configs', nargs='+', help='the first one is what the others are compared with')
    parser.add_argument('--batch-size', type=int, help="default that of the first config's data loader")


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Take steps as the training does, optimizer and mixed precision included, with images that lie in memory."""
    if len(args.configs) < 2:
        raise InputError(f'expected two configs or more to compare, got {args.configs[0]} alone')
    configs = {Path(path).stem: load_config(path, None, None) for path in args.configs}
    first = next(iter(configs.values()))
    size = args.batch_size or first.train_dataloader.batch_size
    models = {name: build(cfg, args.device) for name, cfg in configs.items()}
    batches = {name: batch(cfg, size) for name, cfg in configs.items()}
    runs = {name: step(models[name], batches[name], cfg) for name, cfg in configs.items()}
    opponent, *others = runs
    columns = {
        PARAMETERS: {name: sum(value.numel() for value in model.parameters()) / 1e6 for name, model in models.items()},
        OPERATIONS: {name: operations(model, batches[name]) for name, model in models.items()},
    }
    yield Contest(
        f'training step, batch {size}',
        ours={name: runs[name] for name in others},
        theirs={opponent: runs[opponent]},
        columns=columns,
        notes=['all configs are of this project; the images are random, and reading and augmenting them is left out'],
    )


def batch(cfg: Config, size: int) -> dict:
    """Return random images and points as the config's data loader packs them.

    Raises:
        InputError: the config is not one of top-down estimators.
    """
    pipeline = cfg.train_dataloader.dataset.pipeline
    if pipeline[-2].type != 'KeypointLabels':
        raise InputError(f'{cfg.filename}: expected a training of one instance an image, with KeypointLabels')
    ((width, height),) = {tuple(one.input_size) for one in pipeline if 'input_size' in one}
    rng = np.random.default_rng(0)
    grey = cfg.model.data_preprocessor.type == 'GreyPreprocessor'
    samples = []
    for index in range(size):
        points = (rng.uniform(0.1, 0.9, (1, cfg.num_keypoints, 2)) * (width, height)).astype(np.float32)
        image = rng.integers(0, 256, (height, width) if grey else (height, width, 3), dtype=np.uint8)
        sample = dict(img=image, id=index, keypoints=points, transformed_keypoints=points)
        sample |= dict(input_size=(width, height), bbox_scale=np.array([[width, height]]))
        samples.append(sample | dict(keypoints_visible=np.ones((1, cfg.num_keypoints), dtype=np.float32)))
    pack = Compose(pipeline[-2:])
    return pseudo_collate([pack(sample) for sample in samples])


def step(model: BaseModel, data: dict, cfg: Config) -> Run:
    """Return what takes one step as mmengine's training loop does."""
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    return lambda: model.train_step(data, optimizer)


@torch.no_grad()
def operations(model: BaseModel, data: dict) -> float:
    """Return the multiplications of one image's forward pass, in 1e9."""
    inputs = model.data_preprocessor(data, True)['inputs'][:1]
    was_training = model.training
    analysis = FlopAnalyzer(model.eval(), inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    total = analysis.total() / 1e9
    model.train(was_training)
    return total
