"""Covariances: what they cost at prediction, beside the same network with points alone."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.codec import NOISE
from benchmarks.contest import Contest, Run
from benchmarks.train import build
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator
from hybridkp.ops.calibration import Calibration
from hybridkp.ops.peaks import highest_cells

ROOT = Path(__file__).parents[2]
NETWORKS = {
    'hrnet_w32': ROOT / 'configs/body/hrnet_w32_coco_256x192.py',
    'unet': ROOT / 'configs/landmark/unet_isbi2015_320x256.py',
}
BATCHES = (1, 8)
COVARIANCE, CALIBRATED = 'hybridkp, with covariances', 'hybridkp, with calibrated covariances'
PLAIN, DARK = 'points alone (highest cell and a quarter)', "mmpose's HeatmapHead and MSRAHeatmap with DARK"


class Work(NamedTuple):
    """The same inputs (B, C, H, W) for everyone, the maps (B, K, h, w) that they give, and their peaks in cells."""

    inputs: Tensor
    maps: Tensor
    cells: Tensor


class Shown(nn.Module):
    """A last layer that does its work and gives known heatmaps: those of an untrained network have no peaks."""

    def __init__(self, layer: nn.Module, maps: Tensor):
        super().__init__()
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        self.layer, self.maps = layer, maps

    def forward(self, features: Tensor) -> Tensor:
        """Add the maps to what the layer gives, which is 0."""
        return self.layer(features) + self.maps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--models', nargs='+', choices=NETWORKS, default=list(NETWORKS), help='which; default both')
    parser.add_argument('--batch-size', type=int, help='default 1, then 8')


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Predict with every network at every batch size."""
    for name in args.models:
        for batch in [args.batch_size] if args.batch_size else BATCHES:
            yield prediction(name, batch, args.device)


@torch.no_grad()
def prediction(name: str, batch: int, device: str) -> Contest:
    """Run a network on preprocessed inputs and decode, from one tensor to samples with points in image px."""
    cfg = Config.fromfile(NETWORKS[name])
    cfg.model.test_cfg = dict(flip_test=False)
    model = build(cfg, device).eval()
    without_backbone = cfg.model | dict(backbone=dict(type=nn.Identity))
    calibrated, theirs = (
        build(part, device).eval() for part in (Config(dict(model=without_backbone)), their_config(cfg))
    )
    work = make_work(model, cfg, batch, device)
    last = Shown(model.head.final_layer, work.maps)
    for other in (model, calibrated, theirs):
        other.backbone, other.head.final_layer = model.backbone, last
    calibrated.head.calibration.assign(random_calibration(cfg.num_keypoints))
    samples, stride = make_samples(cfg, batch), model.head.codec.stride
    ours = {COVARIANCE: predict(model, work, samples), CALIBRATED: predict(calibrated, work, samples)}
    rest = {PLAIN: lambda: points_alone(model, work.inputs, samples), DARK: predict(theirs, work, samples)}
    shown = {run: (work.cells + 0.5) * stride - 0.5 for run in (*ours, PLAIN)} | {DARK: work.cells * stride}
    width, height = input_size(cfg)
    return Contest(
        f'prediction, {name}, batch {batch}, {height}x{width}, {cfg.num_keypoints} points, no flip test',
        ours,
        rest,
        columns={'mean error, px': {name: mean_error(run(), shown[name]) for name, run in (ours | rest).items()}},
        notes=[
            f'the same network in all; its last layer adds known peaks with noise {NOISE}, so that decoders have work',
            'preprocessing is left out; mmpose decodes a sample at a time in numpy, on the host',
        ],
        conclude=cost,
    )


def cost(contest: Contest) -> dict[str, float]:
    """Say how much longer a prediction with covariances takes than one with points alone, within rounds."""
    rest = contest.seconds[PLAIN]
    return {
        f'time over that of points alone: {name}': median(
            a / b for a, b in zip(contest.seconds[name], rest, strict=True)
        )
        for name in contest.ours
    }


def input_size(cfg: Config) -> tuple[int, int]:
    """Return (width, height) in px, which is written where the input is cropped."""
    (size,) = (step.input_size for step in cfg.test_dataloader.dataset.pipeline if step.type == 'TopdownAffine')
    return size


def their_config(cfg: Config) -> Config:
    """Give mmpose's estimator without a backbone, of as many points and of maps of the same size, decoded by DARK."""
    stride, (width, height) = cfg.model.head.codec.get('stride', 4), input_size(cfg)
    decoder = dict(type='MSRAHeatmap', input_size=(width, height), heatmap_size=(width // stride, height // stride))
    head = dict(
        type='HeatmapHead',
        in_channels=cfg.model.head.in_channels,
        out_channels=cfg.num_keypoints,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(decoder, sigma=2, unbiased=True),
    )
    backbone, test_cfg = dict(type=nn.Identity), dict(flip_test=False)
    return Config(dict(model=dict(type='TopdownPoseEstimator', backbone=backbone, head=head, test_cfg=test_cfg)))


def make_work(model: KeypointEstimator, cfg: Config, batch: int, device: str) -> Work:
    """Draw inputs and points, and render the points as the model's own targets are, with noise."""
    width, height = input_size(cfg)
    generator, codec = torch.Generator().manual_seed(0), model.head.codec
    inputs = torch.randn(batch, cfg.model.backbone.in_channels, height, width, generator=generator).to(device)
    share = 0.05 + 0.9 * torch.rand(batch, cfg.num_keypoints, 2, generator=generator)
    points = (share * torch.tensor([width - 1.0, height - 1.0])).to(device)
    size = (height // codec.stride, width // codec.stride)
    maps = codec.encode(points, codec.target_covariance(points, (height, width)), size)
    maps = maps + NOISE * torch.randn(maps.shape, generator=generator).to(device)
    return Work(inputs, maps, ((points + 0.5) / codec.stride - 0.5).cpu())


def make_samples(cfg: Config, batch: int) -> list[PoseDataSample]:
    """Make samples whose input is the image."""
    size = np.array(input_size(cfg))
    samples = [
        PoseDataSample(metainfo=dict(input_size=size, input_center=size / 2, input_scale=size)) for _ in range(batch)
    ]
    for sample in samples:
        sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, *size]]), bbox_scores=np.ones(1))
    return samples


def random_calibration(num_keypoints: int) -> Calibration:
    """Return a map of which no part is the identity."""
    offset = 0.5 * torch.eye(2).repeat(num_keypoints, 1, 1)
    return Calibration(torch.full((num_keypoints,), 0.3), torch.tensor(0.9), offset, torch.tensor(1.1))


def predict(model: BaseModel, work: Work, samples: list[PoseDataSample]) -> Run:
    @torch.no_grad()
    def run() -> list[PoseDataSample]:
        return model(work.inputs, samples, mode='predict')

    return run


@torch.no_grad()
def points_alone(model: KeypointEstimator, inputs: Tensor, samples: list[PoseDataSample]) -> list[PoseDataSample]:
    """Predict as `KeypointEstimator` does, without covariances: the highest cell, a quarter towards its neighbours."""
    maps = model(inputs)
    shape, flat = maps.shape[:2], maps.flatten(0, 1)
    scores, rows, columns = highest_cells(flat)
    inner_x, inner_y = columns.clamp(1, maps.shape[3] - 2), rows.clamp(1, maps.shape[2] - 2)
    each = torch.arange(len(flat), device=maps.device)
    dx = flat[each, rows, inner_x + 1] - flat[each, rows, inner_x - 1]
    dy = flat[each, inner_y + 1, columns] - flat[each, inner_y - 1, columns]
    cells = torch.stack((columns, rows), dim=-1) + 0.25 * torch.stack((dx, dy), dim=-1).sign()
    points = ((cells + 0.5) * model.head.codec.stride - 0.5).view(*shape, 2).cpu().numpy()
    scores = scores.clamp(0, 1).view(shape).cpu().numpy()
    for point, score, sample in zip(points, scores, samples, strict=True):
        crop = sample.metainfo
        corner = crop['input_center'] - 0.5 * crop['input_scale']
        point = (point * (crop['input_scale'] / crop['input_size']) + corner).astype(np.float32)
        pred = InstanceData(keypoints=point[None], keypoint_scores=score[None], keypoints_visible=score[None])
        pred.bboxes, pred.bbox_scores = sample.gt_instances.bboxes, sample.gt_instances.bbox_scores
        sample.pred_instances = pred
    return samples


def mean_error(samples: list[PoseDataSample], wanted: Tensor) -> float:
    found = np.concatenate([sample.pred_instances.keypoints for sample in samples])
    return float(np.linalg.norm(found - wanted.numpy(), axis=-1).mean())
