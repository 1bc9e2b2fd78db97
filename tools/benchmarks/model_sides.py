"""Both sides of a comparison of whole networks: the same people, peaks to decode, and weights where they fit."""

import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.train import build, copy_weights
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hub import get_config
from mmengine.model import BaseModel
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.errors import InputError
from hybridkp.ops.gaussian import render_gaussians

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / 'configs/body/hybridnet_s_coco_sample_256x192.py'
THEIRS = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-384x288.py'
VARIANCE = 2.5**2
"""Of the peaks that are decoded, in cells^2."""


class Side(NamedTuple):
    """A network, what its data loader hands it, and the maps (B, K, h, w) that it shall decode to points (B, K, 2)."""

    model: BaseModel
    batch: dict
    maps: Tensor
    points: Tensor

    def copy(self) -> 'Side':
        """Give a side with a network of its own."""
        return self._replace(model=copy.deepcopy(self.model))

    def show_maps(self) -> None:
        """Have the head do its work and give the maps: those of an untrained network have no peaks."""
        forward = self.model.head.forward
        self.model.head.forward = lambda feats: torch.add(self.maps, forward(feats), alpha=0)

    @torch.no_grad()
    def predict(self) -> list[PoseDataSample]:
        """Predict as a test does."""
        return self.model.test_step(self.batch)

    def mean_error(self) -> float:
        """Return the mean distance of what is predicted to the points, in px of the input."""
        distances = []
        for sample, points in zip(self.predict(), self.points.numpy(), strict=True):
            crop, pred = sample.metainfo, sample.pred_instances.keypoints[0]
            corner = np.asarray(crop['input_center']) - 0.5 * np.asarray(crop['input_scale'])
            pred = (pred - corner) / np.asarray(crop['input_scale']) * np.asarray(crop['input_size'])
            distances.append(np.linalg.norm(pred - points, axis=-1))
        return float(np.mean(distances))


def our_side(cfg: Config, batch: int, device: str, flip_test: bool) -> Side:
    """Build the network of a config, untrained."""
    cfg = copy.deepcopy(cfg)
    cfg.model.test_cfg = dict(flip_test=flip_test)
    model, data = build(cfg, device).eval(), people(cfg, batch)
    codec = model.head.codec
    return _side(model, data, cfg, (codec.stride, codec.pixel_offset))


def their_side(cfg: Config, batch: int, device: str, flip_test: bool) -> Side:
    """Build mmpose's HRNet-W32 from its own config, of as many keypoints and the same input as a config of ours."""
    theirs, size = get_config(THEIRS), input_size(cfg)
    theirs.model.backbone.pop('init_cfg', None)
    theirs.model.test_cfg.flip_test = flip_test
    theirs.model.head.out_channels = cfg.model.head.num_keypoints
    theirs.model.head.decoder.update(input_size=size, heatmap_size=(size[0] // 4, size[1] // 4))
    pipeline = theirs.test_dataloader.dataset.pipeline
    for step in pipeline:
        if step.type == 'TopdownAffine':
            step.input_size = size
    return _side(build(theirs, device).eval(), people(cfg, batch, pipeline), cfg, (4, 0.0))


def share_weights(theirs: BaseModel, ours: BaseModel) -> bool:
    """Give our network the weights of mmpose's, if it is the same one."""
    try:
        copy_weights(theirs, ours)
    except (RuntimeError, AttributeError):
        return False
    return True


@torch.no_grad()
def largest_difference(ours: Side, theirs: Side) -> float:
    """Return how far the raw heatmaps of both are apart on the same people, relative to the largest value."""
    maps = [side.model(side.model.data_preprocessor(side.batch, False)['inputs'], None) for side in (ours, theirs)]
    return ((maps[0] - maps[1]).abs().max() / maps[1].abs().max()).item()


def input_size(cfg: Config) -> tuple[int, int]:
    """Return (width, height) in px, which is written where the input is cropped."""
    sizes = [step.input_size for step in cfg.test_dataloader.dataset.pipeline if step.type == 'TopdownAffine']
    if len(sizes) != 1:
        raise InputError(f'config {cfg.filename}: expected one TopdownAffine in the test, got {len(sizes)}')
    return tuple(sizes[0])


def people(cfg: Config, count: int, pipeline: list | None = None) -> dict:
    """Return a batch of a config's test set or, of COCO's keypoints without the images, of the bundled ones."""
    dataset = copy.deepcopy(cfg.test_dataloader.dataset)
    if not Path(dataset.data_root, dataset.ann_file).is_file():
        sample = Config.fromfile(SAMPLE).test_dataloader.dataset
        if dataset.skeleton != sample.skeleton:
            raise InputError(f'{Path(dataset.data_root, dataset.ann_file)} does not exist')
        files = dict(ann_file=sample.ann_file, data_prefix=sample.data_prefix, data_root=str(ROOT / sample.data_root))
        dataset.update(files, bbox_file=None)
    built = DATASETS.build(dict(dataset, **(dict(pipeline=pipeline) if pipeline else {})))
    return pseudo_collate([built[index % len(built)] for index in range(count)])


def mirrored_pairs(points: Tensor, flip_indices: list[int], width: int) -> Tensor:
    """Move the second of each pair of points (B, K, 2) px to where the first is in the mirrored image.

    The mirrored image then shows the same; what has no partner lies on the axis.
    """
    points = points.clone()
    for here, there in enumerate(flip_indices):
        if here == there:
            points[:, here, 0] = (width - 1) / 2
        elif here < there:
            points[:, there] = points[:, here] * points.new_tensor([-1, 1]) + points.new_tensor([width - 1, 0])
    return points


def _side(model: BaseModel, data: dict, cfg: Config, cells: tuple[int, float]) -> Side:
    """Put peaks at random points for a network whose maps have cells of so many px, with such an offset."""
    (width, height), (stride, offset) = input_size(cfg), cells
    shape = (len(data['inputs']), cfg.model.head.num_keypoints, 2)
    share = 0.1 + 0.8 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
    points = share * torch.tensor([width - 1.0, height - 1.0])
    points = mirrored_pairs(points, list(data['data_samples'][0].metainfo['flip_indices']), width)
    covariance = (VARIANCE * torch.eye(2)).expand(*shape, 2)
    maps = render_gaussians((points + offset) / stride - offset, covariance, (height // stride, width // stride))
    return Side(model, data, maps.to(next(model.parameters()).device), points)
