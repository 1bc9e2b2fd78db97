"""Prediction of single-stage networks: all of it, from letterboxed images to people, beside the layers alone."""

import argparse
import copy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from benchmarks.contest import Contest
from benchmarks.train import build
from mmengine.config import Config
from mmengine.model import BaseModel
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.deploy.sample_images import sample_images
from hybridkp.engine.inference_settings import InferenceSettings

LAYERS = 'torch, the layers of the same network'
ROWS = 1000
"""So many rows of an image are candidates of the suppression: an untrained network scores all alike."""


def people_contest(
    cfg: Config, batch: int, args: argparse.Namespace, variants: Mapping[str, InferenceSettings]
) -> Contest:
    """Predict images in all variants, and run backbone, neck and the head's convolutions on what they are fed."""
    images, source = sample_images(cfg)
    images = images[torch.arange(batch) % len(images)]
    height, width = images.shape[2:]
    model = build(cfg, args.device).eval()
    data = dict(inputs=list(images), data_samples=[sample(height, width) for _ in images])
    inputs = model.data_preprocessor(dict(inputs=data['inputs'], data_samples=[]), False)['inputs']
    model.test_cfg = dict(model.test_cfg, flip_test=args.flip_test, score_threshold=threshold(model, inputs))
    ours = {}
    for name, settings in variants.items():
        twin = copy.deepcopy(model)
        settings.apply(twin, batch)
        ours[f'hybridkp, {name}'] = predict(twin, data)
    count = sum(parameter.numel() for parameter in model.parameters())
    flip = 'flip test' if args.flip_test else 'no flip test'
    return Contest(
        f'prediction, {Path(cfg.filename).stem}, batch {batch}, {height}x{width}, {flip}',
        ours=ours,
        theirs={LAYERS: layers(model, inputs)},
        items=batch,
        facts={'million parameters': count / 1e6},
        notes=[
            f'images of {source}; from uint8 letterboxed images to people; reading and resizing is left out',
            'the layers are backbone, neck and convolutions of the head, in float32, once an image: no normalisation, '
            'decoding or suppression',
            f'random weights; the threshold lets {ROWS} rows an image into the suppression',
        ],
        conclude=partial(latencies, names=[*ours, LAYERS]),
    )


def sample(height: int, width: int) -> PoseDataSample:
    """Make a sample of an image that is its input."""
    size = np.array([width, height], np.float32)
    about = dict(input_size=size, input_center=size / 2, input_scale=size, ori_shape=(height, width))
    return PoseDataSample(metainfo=dict(about, flip_indices=list(range(17))))


@torch.no_grad()
def threshold(model: BaseModel, inputs: Tensor) -> float:
    """Give the score that so many rows of an image, on average, are above."""
    scores, _ = model.head.scored(model.head.decode(model.extract_feat(inputs[:1])), 0.0)
    return float(scores[0].sort(descending=True).values[min(ROWS, scores.shape[1] - 1)])


def predict(model: BaseModel, data: dict) -> Callable[[], list[PoseDataSample]]:
    """Give what predicts a batch as a test does."""

    @torch.no_grad()
    def run() -> list[PoseDataSample]:
        return model.test_step(data)

    return run


def layers(model: BaseModel, inputs: Tensor) -> Callable[[], list[Tensor]]:
    """Give what runs a network's layers on images that are prepared."""

    @torch.no_grad()
    def run() -> list[Tensor]:
        return model.head(model.neck(model.backbone(inputs)))

    return run


def latencies(contest: Contest, names: list[str]) -> dict[str, float]:
    """Add the latency of a batch."""
    contest.columns['latency, ms'] = {name: 1e3 * median(contest.seconds[name]) for name in names}
    return {}
