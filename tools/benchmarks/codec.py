"""Codecs: keypoints to heatmaps and back, beside mmpose's."""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.contest import Contest, Run
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

NOISE = 0.02
"""Standard deviation of the noise on the heatmaps that are decoded; a peak is 1 high."""


class Case(NamedTuple):
    """The size of the work: maps are (h, w) cells, sigma is in cells, stride in px a cell."""

    batch: int
    keypoints: int
    size: tuple[int, int]
    stride: int
    sigma: int

    @property
    def input_size(self) -> tuple[int, int]:
        """The input's (W, H) in px, as mmpose writes it."""
        return self.size[1] * self.stride, self.size[0] * self.stride


CASES = {'body': Case(32, 17, (96, 72), 4, 3), 'landmark': Case(4, 38, (512, 512), 1, 3)}
FIXED, LEARNED, DECODED = 'hybridkp, fixed width', 'hybridkp, learned covariance', 'hybridkp, with covariance'
DARK = "mmpose's MSRAHeatmap with DARK"
THEIRS = {
    "mmpose's MSRAHeatmap": dict(type='MSRAHeatmap'),
    DARK: dict(type='MSRAHeatmap', unbiased=True),
    "mmpose's UDPHeatmap": dict(type='UDPHeatmap'),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--cases', nargs='+', choices=CASES, default=list(CASES), help='which sizes; default both')
    parser.add_argument('--batch-size', type=int, help='default 32 for body, 4 for landmark')


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Encode and decode at every size."""
    for name in args.cases:
        case = CASES[name]._replace(batch=args.batch_size or CASES[name].batch)
        span = np.array(case.input_size) - 1
        points = np.random.default_rng(0).uniform(0.05, 0.95, (case.batch, case.keypoints, 2)) * span
        for contest in (encoding, reading, decoding):
            yield contest(case, points.astype(np.float32), args.device)


def encoding(case: Case, points: np.ndarray, device: str) -> Contest:
    """Render the target maps (B, K, h, w) of a batch of points (B, K, 2) px for one training step."""
    runs = encoders(case, points, device)
    ours = {name: run for name, run in runs.items() if name.startswith('hybridkp')}
    theirs = {name: run for name, run in runs.items() if name not in ours}
    return Contest(
        f'encode {words(case)}',
        ours,
        theirs,
        pairs=[(a, b) for a in ours for b in theirs if a == FIXED or b in THEIRS],
        facts={f'largest difference to the maps of {DARK}, same pixel rule': same_rule_difference(case, points)},
        notes=[
            'hybridkp renders the batch at once; mmpose a sample at a time in numpy, in one thread, then stacks them',
            'not stacked is not the same work: samples remain apart, and memory that is not touched costs nothing yet',
        ],
    )


def reading(case: Case, points: np.ndarray, device: str) -> Contest:
    """Render the same maps and read them once, as a loss does, so that memory is paid for by everyone."""
    runs = {
        name: lambda run=run: [maps.sum() for maps in run()]
        for name, run in encoders(case, points, device).items()
        if name != LEARNED
    }
    return Contest(
        f'encode and read once {words(case)}',
        ours={FIXED: runs.pop(FIXED)},
        theirs=runs,
        notes=['here the maps that are not stacked are complete, too; a loss has still to stack them'],
    )


def encoders(case: Case, points: np.ndarray, device: str) -> dict[str, Run]:
    """Return what encodes the points (B, K, 2) px, by name: ours, theirs, and theirs without stacking."""
    on_device = torch.from_numpy(points).to(device)
    ours = {FIXED: our_codec(case, 'FixedCovariance', device), LEARNED: our_codec(case, 'LearnedCovariance', device)}
    runs = {name: lambda codec=codec: our_maps(codec, on_device, case) for name, codec in ours.items()}
    theirs = their_codecs(case)
    runs |= {name: lambda codec=codec: their_maps(codec, points, device) for name, codec in theirs.items()}
    return runs | {f'{name}, not stacked': lambda c=codec: their_samples(c, points) for name, codec in theirs.items()}


def same_rule_difference(case: Case, points: np.ndarray) -> float:
    """Return how far our maps are from mmpose's unbiased ones where both place pixels by mmpose's rule."""
    codec = our_codec(case, 'FixedCovariance', 'cpu', pixel_offset=0.0)
    theirs = their_maps(their_codecs(case)[DARK], points, 'cpu')
    return (our_maps(codec, torch.from_numpy(points), case) - theirs).abs().max().item()


def decoding(case: Case, points: np.ndarray, device: str) -> Contest:
    """Decode a batch of noisy maps of points (B, K, 2) px, each side's own maps."""
    theirs = their_codecs(case)
    ours = our_codec(case, 'FixedCovariance', device)
    noise = NOISE * torch.randn(case.batch, case.keypoints, *case.size, generator=torch.Generator().manual_seed(0))
    noise = noise.to(device)
    our_input = our_maps(ours, torch.from_numpy(points).to(device), case) + noise
    runs, errors = {}, {DECODED: mean_error(our_points(ours, our_input)[0].numpy(), points)}
    for name, codec in theirs.items():
        maps = their_maps(codec, points, device) + noise
        runs[name] = lambda codec=codec, maps=maps: [codec.decode(sample) for sample in maps.cpu().numpy()]
        errors[name] = mean_error(np.concatenate([found for found, _ in runs[name]()]), points)
    return Contest(
        f'decode {words(case)}, noise {NOISE}',
        ours={DECODED: lambda: our_points(ours, our_input)},
        theirs=runs,
        columns={'mean error, px': errors},
        notes=[
            'each decodes maps of the same points encoded under its own rule; mmpose gives no covariance',
            'mmpose decodes a sample at a time in numpy, on the host: the copy from a GPU is a part of it',
        ],
    )


def our_codec(case: Case, covariance: str, device: str, pixel_offset: float = 0.5) -> torch.nn.Module:
    source = dict(type=covariance, sigma=float(case.sigma * case.stride))
    codec = dict(type='AnisotropicHeatmap', covariance=source, stride=case.stride, num_keypoints=case.keypoints)
    return KEYPOINT_CODECS.build(dict(codec, pixel_offset=pixel_offset)).to(device)


def their_codecs(case: Case) -> dict[str, object]:
    size = dict(input_size=case.input_size, heatmap_size=case.size[::-1], sigma=case.sigma)
    return {name: KEYPOINT_CODECS.build(dict(codec, **size)) for name, codec in THEIRS.items()}


def our_maps(codec: torch.nn.Module, points: Tensor, case: Case) -> Tensor:
    return codec.encode(points, codec.target_covariance(points, case.input_size[::-1]), case.size)


def their_maps(codec: object, points: np.ndarray, device: str) -> Tensor:
    """Encode as mmpose's data loader and head do: samples one by one, stacked, on the device."""
    return torch.stack(their_samples(codec, points)).to(device)


def their_samples(codec: object, points: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(codec.encode(sample[None])['heatmaps']) for sample in points]


@torch.no_grad()
def our_points(codec: torch.nn.Module, maps: Tensor) -> tuple[Tensor, ...]:
    """Decode to points, scores and covariances on the host, where mmpose's are."""
    return tuple(values.cpu() for values in codec.decode(maps))


def mean_error(found: np.ndarray, points: np.ndarray) -> float:
    return float(np.linalg.norm(found - points, axis=-1).mean())


def words(case: Case) -> str:
    height, width = case.size
    return (
        f'{case.batch} x {case.keypoints} points, maps of {width}x{height} (w x h) at stride {case.stride}, '
        f'sigma {case.sigma} cells'
    )
