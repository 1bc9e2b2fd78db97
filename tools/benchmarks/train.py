"""Training steps: forward, loss, backward and optimizer, beside mmpose's HRNet-W32."""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import torch
from benchmarks.contest import Contest, Run
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS

from hybridkp.errors import InputError

ROOT = Path(__file__).parents[2]
OURS = ('hrnet_w32', 'hybridnet_s', 'hybridnet_b')
THEIRS = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
ACCURACY = 'hybridkp.models.heads.gaussian_heatmap_head._accuracy'
SAME_WEIGHTS = 'largest difference of the two HRNet-W32 in their heatmaps, same weights, relative to the largest value'
PRECISIONS = {'bf16': 'bfloat16', 'fp16': 'float16'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--models', nargs='+', choices=OURS, default=list(OURS), help='which of ours; default all')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--amp', nargs='?', const='bf16', choices=PRECISIONS, help='mixed precision; needs CUDA')


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Take optimizer steps, then compute the heads' losses with and without the accuracy that is logged."""
    if args.amp and args.device != 'cuda':
        raise InputError(f'--amp needs --device cuda, got --device {args.device}')
    torch.backends.cudnn.benchmark = True
    configs = {name: Config.fromfile(ROOT / f'configs/body/{name}_coco_256x192.py') for name in args.models}
    their_config = get_config(THEIRS)
    their_config.model.backbone.pop('init_cfg', None)
    theirs = build(their_config, args.device)
    ours = {name: build(cfg, args.device) for name, cfg in configs.items()}
    our_batch, their_batch = batches(configs[args.models[0]], their_config, args.batch_size)
    facts = {}
    if 'hrnet_w32' in ours:
        copy_weights(theirs, ours['hrnet_w32'])
        facts[SAME_WEIGHTS] = largest_difference(heatmaps(ours['hrnet_w32'], our_batch), heatmaps(theirs, their_batch))
    runs = {full_name(name): step(model, our_batch, configs[name], args.amp) for name, model in ours.items()}
    opponent = {"mmpose's hrnet_w32": step(theirs, their_batch, their_config, args.amp)}
    steps = step_contest(args, runs, opponent, facts)
    yield steps
    yield accuracy_contest(steps, (ours[args.models[0]], our_batch), (theirs, their_batch))


def full_name(model: str) -> str:
    """Return what one of our models is called in the table."""
    return f'hybridkp, {model}' + ('' if model == 'hrnet_w32' else ' (another network)')


def step_contest(args: argparse.Namespace, ours: dict, theirs: dict, facts: dict) -> Contest:
    """Return the contest of whole steps; on CUDA with the number of times that each waits for the device."""
    contest = Contest(
        f'training step, batch {args.batch_size}, 256x192, Adam, {args.amp or "fp32"}',
        ours,
        theirs,
        facts=facts,
        notes=[
            "mmpose's targets are ready-made, as its data loader hands them over: making them costs it nothing here",
            "hybridkp renders its targets in the step; only hrnet_w32 is like for like with mmpose's hrnet_w32",
        ],
    )
    if args.device == 'cuda':
        waits = {name: host_synchronisations(run) for name, run in contest.turns().items()}
        contest.columns['host waits'] = waits
    return contest


def accuracy_contest(steps: Contest, ours: tuple[BaseModel, dict], theirs: tuple[BaseModel, dict]) -> Contest:
    """Time the heads' loss with and without accuracy, and say what accuracy costs as a fraction of a step."""
    loss, their_loss = head_loss(*ours), head_loss(*theirs)

    def without() -> None:
        with mock.patch(ACCURACY, lambda heatmaps, targets, weights: heatmaps.new_zeros(())):
            loss()

    def conclude(contest: Contest) -> dict[str, float]:
        share = {}
        for side, step_name in enumerate((next(iter(steps.ours)), next(iter(steps.theirs)))):
            cost, rest = (median(contest.seconds[pair[side]]) for pair in names)
            share[f'accuracy, as a fraction of a step of {step_name}'] = (cost - rest) / median(
                steps.seconds[step_name]
            )
        return share

    names = [(f'hybridkp, {part} accuracy', f"mmpose's HeatmapHead {part} accuracy") for part in ('with', 'without')]
    return Contest(
        'loss of the head, forward only, with and without the accuracy that is logged',
        ours={names[0][0]: loss, names[1][0]: without},
        theirs={names[0][1]: their_loss, names[1][1]: lambda: their_loss(compute_acc=False)},
        pairs=[],
        notes=["no ratios: hybridkp's loss renders the targets, mmpose's stacks ready-made ones"],
        conclude=conclude,
    )


def build(cfg: Config, device: str) -> BaseModel:
    torch.manual_seed(0)
    MMLogger.get_current_instance().setLevel('WARNING')  # init_weights logs every parameter
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model.to(device).train()


def copy_weights(source: BaseModel, target: BaseModel) -> None:
    """Give our HRNet-W32 the weights of mmpose's."""
    target.backbone.load_state_dict(source.backbone.state_dict())
    target.head.final_layer.load_state_dict(source.head.final_layer.state_dict())


def batches(our_config: Config, their_config: Config, size: int) -> tuple[dict, dict]:
    """Return the same images and points as each side's data loader packs them."""
    width, height = their_config.codec.input_size
    rng = np.random.default_rng(0)
    samples = []
    for index in range(size):
        points = (rng.uniform(0.1, 0.9, (1, 17, 2)) * (width, height)).astype(np.float32)
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        sample = dict(img=image, id=index, keypoints=points, transformed_keypoints=points)
        sample |= dict(input_size=(width, height), bbox_scale=np.array([[width, height]]))
        samples.append(sample | dict(keypoints_visible=np.ones((1, 17), dtype=np.float32)))
    packers = [Compose(cfg.train_dataloader.dataset.pipeline[-2:]) for cfg in (our_config, their_config)]
    return tuple(pseudo_collate([pack(dict(sample)) for sample in samples]) for pack in packers)


def step(model: BaseModel, batch: dict, cfg: Config, amp: str | None) -> Run:
    """Return what takes one step as mmengine's training loop does."""
    precision = dict(type='AmpOptimWrapper', dtype=PRECISIONS[amp]) if amp else dict(type='OptimWrapper')
    optimizer = build_optim_wrapper(model, dict(precision, optimizer=cfg.optim_wrapper.optimizer))
    return lambda: model.train_step(batch, optimizer)


@torch.no_grad()
def heatmaps(model: BaseModel, batch: dict) -> torch.Tensor:
    """Return the heatmaps of a batch under its own statistics, as in training."""
    return model(model.data_preprocessor(batch, True)['inputs'], None, mode='tensor')


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def head_loss(model: BaseModel, batch: dict) -> Run:
    """Return what computes the loss of the model's head on features that are already there."""
    data = model.data_preprocessor(batch, True)
    with torch.no_grad():
        feats = model.extract_feat(data['inputs'])

    def loss(compute_acc: bool = True) -> dict:
        with torch.no_grad():
            return model.head.loss(feats, data['data_samples'], dict(compute_acc=compute_acc))

    return loss


def host_synchronisations(run: Run) -> int:
    """Count how often the host waits for the device in one run."""
    run()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return sum('called a synchronizing' in str(warning.message) for warning in caught)
