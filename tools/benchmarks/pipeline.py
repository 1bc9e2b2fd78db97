"""Data pipelines: from image files to what the model is handed, beside mmpose's."""

import argparse
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from benchmarks.contest import Contest
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hub import get_config
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader, Dataset, Subset

ROOT = Path(__file__).parents[2]
OURS = ROOT / 'configs/body/hybridnet_s_coco_sample_256x192.py'
THEIRS = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_{}8xb64-210e_coco-256x192.py'
WORKERS, BATCH = 2, 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--samples', type=int, default=256, help='people a run; those of the 26 images, repeated')
    parser.set_defaults(threads=1)


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Go through the training data in one process, then with a data loader."""
    ours, theirs = our_people(), {name: their_people(kind) for name, kind in (('MSRA', ''), ('UDP', 'udp-'))}
    sides = {'hybridkp': ours} | {f"mmpose's pipeline with {name}Heatmap": people for name, people in theirs.items()}
    sides = {name: repeated(people, args.samples) for name, people in sides.items()}
    same = all(torch.equal(*images) for images in zip(first_images(ours), first_images(theirs['MSRA']), strict=True))
    facts = {"the first images equal those of mmpose's pipeline with MSRAHeatmap, same seed": float(same)}
    yield contest(
        f'pipeline, {args.samples} people, 256x192, in one process', sides, in_line, args.samples, facts=facts
    )
    loaders = {name: loader(people) for name, people in sides.items()}
    yield contest(
        f'pipeline, {args.samples} people, 256x192, data loader with {WORKERS} workers, batches of {BATCH}',
        loaders,
        exhaust,
        args.samples,
    )


def contest(title: str, sides: dict, work: Callable, items: int, facts: dict | None = None) -> Contest:
    runs = {name: lambda side=side: work(side) for name, side in sides.items()}
    ours = {'hybridkp': runs.pop('hybridkp')}
    note = 'hybridkp hands over points, and the model renders its targets; mmpose hands over heatmaps'
    return Contest(title, ours, runs, items=items, facts=facts or {}, notes=[note])


def our_people() -> Dataset:
    """Build our dataset of the bundled sample with its training pipeline."""
    dataset = Config.fromfile(OURS).train_dataloader.dataset
    return DATASETS.build(dict(dataset, data_root=str(ROOT / dataset.data_root)))


def their_people(kind: str) -> Dataset:
    """Build mmpose's dataset of the same files with its own training pipeline."""
    dataset = get_config(THEIRS.format(kind)).train_dataloader.dataset
    sample = Config.fromfile(OURS).train_dataloader.dataset
    files = dict(ann_file=sample.ann_file, data_prefix=sample.data_prefix, data_root=str(ROOT / sample.data_root))
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'The metainfo config file')
        return DATASETS.build(dict(dataset, **files))


def repeated(people: Dataset, count: int) -> Dataset:
    return Subset(people, [index % len(people) for index in range(count)])


def seed() -> None:
    """Let every run draw the same augmentations."""
    random.seed(0)
    np.random.seed(0)


def first_images(people: Dataset, count: int = 8) -> list[torch.Tensor]:
    seed()
    return [people[index]['inputs'] for index in range(count)]


def in_line(people: Dataset) -> None:
    seed()
    for index in range(len(people)):
        people[index]


def loader(people: Dataset) -> DataLoader:
    """Return a loader as mmengine's runner builds it; its workers stay between runs."""
    return DataLoader(people, BATCH, num_workers=WORKERS, collate_fn=pseudo_collate, persistent_workers=True)


def exhaust(batches: DataLoader) -> None:
    for _ in batches:
        pass
