"""Prediction: images/s of whole networks, from crops to points, beside mmpose's own HRNet-W32.

Of single-stage networks it is from letterboxed images to people, beside their layers alone.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import torch
from benchmarks.contest import Contest
from benchmarks.model_onnx import onnx_network, use_onnx_file, why_not
from benchmarks.model_people import people_contest
from benchmarks.model_sides import (
    ROOT,
    Side,
    input_size,
    largest_difference,
    our_side,
    share_weights,
    their_side,
)
from mmengine.config import Config

from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError

CONFIGS = [str(ROOT / f'configs/body/{name}_coco_384x288.py') for name in ('hrnet_w32', 'hybridnet_s', 'hybridnet_b')]
VARIANTS = {
    'eager': InferenceSettings(),
    'channels-last': InferenceSettings(channels_last=True),
    'bf16': InferenceSettings('bfloat16', channels_last=True),
    'fp16': InferenceSettings('float16', channels_last=True),
    'compile': InferenceSettings(channels_last=True, compile=True),
    'bf16-compile': InferenceSettings('bfloat16', channels_last=True, compile=True),
    'fp16-compile': InferenceSettings('float16', channels_last=True, compile=True),
}
FIRST, ONNX, FILE, THEIRS = 'channels-first', 'onnxruntime', 'onnx-file', "mmpose's hrnet_w32"
"""Ours with weights laid out as mmpose's are; our layers run by onnxruntime; the same with normalisation and decoding
in the graph, as tools/export_onnx.py writes it; mmpose's own model and decoder."""
SAME_WEIGHTS = 'largest difference of the heatmaps, same weights, same people, relative to the largest value'
PARTS = ('preparing', 'network', 'decoding')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ', '.join(Path(path).stem for path in CONFIGS)
    parser.add_argument('configs', nargs='*', help=f'configs of top-down or single-stage networks; default {names}')
    parser.add_argument('--config', nargs='+', default=[], help='the same')
    parser.add_argument('--batch-sizes', nargs='+', type=int, default=[1, 64], help='default %(default)s')
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=[FIRST, *VARIANTS, ONNX, FILE],
        help='how ours are run; default all, on CPUs without fp16; compiling takes minutes; all but the first two '
        "and onnxruntime's are channels last",
    )
    parser.add_argument('--flip-test', action='store_true', help='predict the mirrored images as well')


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Predict with every network at every batch size."""
    if wrong := [size for size in args.batch_sizes if size < 1]:
        raise InputError(f'--batch-sizes must be at least 1, got {wrong[0]}')
    torch.backends.cudnn.benchmark = True
    for path in [*args.configs, *args.config] or CONFIGS:
        cfg = load_config(path, None, None)
        for batch in args.batch_sizes:
            if cfg.model.type == 'SingleStageEstimator':
                yield people_contest(cfg, batch, args, {name: VARIANTS[name] for name in known(args, VARIANTS)})
            else:
                yield prediction(cfg, batch, args)


def prediction(cfg: Config, batch: int, args: argparse.Namespace) -> Contest:
    """Run a network in all variants and mmpose's on the same people."""
    ours, theirs = (build(cfg, batch, args.device, args.flip_test) for build in (our_side, their_side))
    (width, height), name, facts = input_size(cfg), Path(cfg.filename).stem, {}
    same = share_weights(theirs.model, ours.model)
    notes = ['from uint8 crops to points in the image; reading and cropping images is left out']
    if same:
        facts['largest difference of the heatmaps, same weights, same people, relative'] = largest_difference(
            ours, theirs
        )
    else:
        notes.append("another network than mmpose's, whose HRNet-W32 has the same input and as many keypoints")
    sides = {}
    for variant in known(args, (FIRST, *VARIANTS, ONNX, FILE)):
        if variant in (ONNX, FILE) and (reason := why_not(ours.model, args.device)):
            notes.append(f'{variant}: {reason}')
            continue
        sides[f'hybridkp, {variant}'], seconds = timed(lambda v=variant: make_variant(ours, v, args))
        facts[f'seconds to make {variant} ready'] = seconds
    theirs.show_maps()
    everyone = {**sides, THEIRS: theirs}
    flip = 'flip test' if args.flip_test else 'no flip test'
    return Contest(
        f'prediction, {name}, batch {batch}, {height}x{width}, {cfg.model.head.num_keypoints} points, {flip}',
        ours={run: side.predict for run, side in sides.items()},
        theirs={THEIRS: theirs.predict},
        items=batch,
        columns={'mean error, px': {run: side.mean_error() for run, side in everyone.items()}},
        facts=facts,
        notes=[*notes, 'the heads add known peaks to what they compute, so that decoders have work'],
        conclude=partial(conclude, sides=everyone, args=args),
    )


def known(args: argparse.Namespace, variants: Iterable[str]) -> list[str]:
    """Give those of the variants that are asked for or, where none is, that the device runs well."""
    if args.variants:
        return [name for name in args.variants if name in variants]
    return [name for name in variants if args.device == 'cuda' or not name.startswith('fp16')]


def make_variant(side: Side, variant: str, args: argparse.Namespace) -> Side:
    """Copy a side, let it run as the variant says, and predict once."""
    side = side.copy()
    model, batch = side.model, len(side.batch['inputs'])
    if variant == FIRST:
        model.to(memory_format=torch.contiguous_format)
    elif variant == ONNX:
        images = model.data_preprocessor(side.batch, False)['inputs']
        network = onnx_network(model, images, args.threads)
        model.extract_feat = lambda images: (network(images),)
        model.head.forward = lambda feats: feats[0]
    elif variant != FILE:
        VARIANTS[variant].apply(model, batch)
    side.show_maps()
    if variant == FILE:
        use_onnx_file(model, side.batch, args.flip_test, args.threads)
    side.predict()
    return side


def timed(work: Callable) -> tuple[Side, float]:
    """Do something and return what it gives and the seconds that it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def conclude(contest: Contest, sides: dict[str, Side], args: argparse.Namespace) -> dict[str, float]:
    """Add the latency of a batch, and what share of it each part has, measured afterwards with stop-watches."""
    contest.columns['latency, ms'] = {name: 1e3 * median(contest.seconds[name]) for name in sides}
    rounds = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, side in sides.items():
            rounds[name].append(shares(side, args.device))
    for part in PARTS:
        contest.columns[f'{part}, %'] = {
            name: 100 * median(share[part] for share in found) for name, found in rounds.items()
        }
    return {}


def shares(side: Side, device: str) -> dict[str, float]:
    """Predict once and return the share that each part has of the time."""
    seconds = dict.fromkeys(PARTS, 0.0)
    model = side.model
    watched = [(model.data_preprocessor, 'forward', 'preparing'), (model, 'extract_feat', 'network')]
    with watches([*watched, (model.head, 'forward', 'network')], seconds, device):
        start = now(device)
        side.predict()
        total = now(device) - start
    seconds['decoding'] = total - sum(seconds.values())
    return {part: value / total for part, value in seconds.items()}


@contextmanager
def watches(methods: list[tuple[object, str, str]], seconds: dict[str, float], device: str) -> Iterator[None]:
    """Add up how long methods take, by the name of a part, until the block is left."""
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in methods]
    for owner, name, part in methods:
        setattr(owner, name, watched(getattr(owner, name), part, seconds, device))
    try:
        yield
    finally:
        for owner, name, own in before:
            delattr(owner, name)
            if own is not None:
                setattr(owner, name, own)


def watched(method: Callable, part: str, seconds: dict[str, float], device: str) -> Callable:
    def run(*arguments: object) -> object:
        start = now(device)
        result = method(*arguments)
        seconds[part] += now(device) - start
        return result

    return run


def now(device: str) -> float:
    """Return the time after all the work that the device has."""
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter()
