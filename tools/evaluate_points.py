"""Measure interest point detectors on pairs of views: classical ones, the anisotropic filters and trained networks."""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS
from torch.utils.data import Dataset

from hybridkp import stack
from hybridkp.datasets.homography_scenes import HomographyScenes, has_homographies
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.evaluation import HomographyAccuracy, PointRepeatability
from hybridkp.evaluation.text_table import aligned, write_csv
from hybridkp.inference.point_detectors import Detector, choose_detectors

COLUMNS = ('repeatability', 'localisation', 'correspondences', 'AUC_1px', 'AUC_3px', 'AUC_5px')


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'data',
        help='scenes with homographies (HPatches: 1.ppm, H_1_2; Oxford: img1.ppm, H1to2p), or a folder of any images, '
        'of which pairs are made',
    )
    parser.add_argument('--detectors', nargs='*', default=[], metavar='NAME', help='default all; "none" for none')
    parser.add_argument(
        '--network', nargs=2, action='append', default=[], metavar=('CONFIG', 'CHECKPOINT'), help='a trained network'
    )
    parser.add_argument('--points', type=int, default=300, help='points of a view that count (default %(default)s)')
    parser.add_argument('--nms', type=float, default=4.0, help='least distance of two of them in px (default 4)')
    parser.add_argument('--threshold', type=float, default=3.0, help='of a correspondence in px (default 3)')
    parser.add_argument('--margin', type=float, default=8.0, help='px at the edges that do not count (default 8)')
    parser.add_argument('--pairs', type=int, default=100, help='how many are made of a folder of images (default 100)')
    parser.add_argument('--size', nargs=2, type=int, default=(480, 360), metavar=('W', 'H'), help='of pairs made, px')
    parser.add_argument('--light', type=float, default=1.0, help='strength of the light, blur, noise of pairs made')
    parser.add_argument('--seed', type=int, default=0, help='of the pairs that are made (default 0)')
    parser.add_argument('--max-side', type=int, help='scenes with larger images are shrunk to that')
    parser.add_argument('--scenes', default='', help='how the names of the scenes begin, e.g. v_')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu', help='of networks')
    parser.add_argument('--out', help='write table.csv and the numbers of every pair, pairs.json, into this folder')
    return parser.parse_args(argv)


def pairs_of(args: argparse.Namespace) -> Dataset:
    """Give the pairs of views."""
    pack = dict(type='PackPoseInputs', meta_keys=('img_path', 'pair', 'view', 'homography', 'view_sizes'))
    if has_homographies(args.data):
        return HomographyScenes(args.data, args.max_side, args.scenes, pipeline=[pack])
    crop = dict(type='ResizedCrop', input_size=tuple(args.size), random=False)
    change = dict(type='ChangeView', photometry=args.light)
    settings = dict(data_root=args.data, limit=args.pairs, seed=args.seed, pipeline=[crop, change, pack])
    return DATASETS.build(dict(type='HomographyPairs', **settings))


def detectors_of(args: argparse.Namespace) -> dict[str, Detector]:
    """Give the detectors by the names that they have in the table."""
    found = {} if args.detectors == ['none'] else choose_detectors(args.detectors)
    for config, checkpoint in args.network:
        from hybridkp.inference.point_network import PointNetwork

        cfg, name = load_config(config, None, None), Path(config).stem
        number = sum(other.startswith(name) for other in found)
        found[f'{name}#{number + 1}' if number else name] = PointNetwork(cfg, checkpoint, device=args.device)
    if not found:
        raise InputError('expected a detector or a network, got none')
    return found


def measure(pairs: Dataset, detectors: dict[str, Detector], args: argparse.Namespace) -> dict[str, dict]:
    """Measure all detectors, each pair read once: the metrics, values a pair and ms an image by detector."""
    settings = dict(points=args.points, radius=args.nms, margin=args.margin)
    metrics = {
        name: (PointRepeatability(threshold=args.threshold, **settings), HomographyAccuracy(**settings))
        for name in detectors
    }
    times = {name: [] for name in detectors}
    for index in range(len(pairs)):
        packed = pairs[index]
        image = np.ascontiguousarray(packed['inputs'].permute(1, 2, 0).numpy())
        for name, detect in detectors.items():
            start = time.perf_counter()
            points, scores = detect(image)
            times[name].append(1000 * (time.perf_counter() - start))
            found = dict(keypoints=points[:, None], keypoint_scores=scores[:, None])
            for metric in metrics[name]:
                metric.process(
                    dict(inputs=[packed['inputs']]), [packed['data_samples'].metainfo | dict(pred_instances=found)]
                )
    return {name: result(*metrics[name], times[name]) for name in detectors}


def result(repeatability: PointRepeatability, accuracy: HomographyAccuracy, times: list[float]) -> dict:
    """Give what was measured of one detector."""
    measured = repeatability.compute_metrics(repeatability.results) | accuracy.compute_metrics(accuracy.results)
    by_pair = [
        dict(
            repeatability=pair.repeatability,
            localisation=pair.localisation if pair.correspondences else None,
            correspondences=pair.correspondences,
            points=pair.points,
            corner_error=float(error) if np.isfinite(error) else None,
        )
        for pair, error in zip(repeatability.pairs, accuracy.errors, strict=True)
    ]
    return dict(metrics=measured, ms=float(np.median(times)), pairs=by_pair)


def table(results: dict[str, dict]) -> list[list]:
    """Give the rows of the table: a detector's means, each with its 95 % interval."""
    ends = [f'{name}{end}' for name in COLUMNS for end in ('', '_low', '_high')]
    rows = [['detector', *ends, 'points', 'ms']]
    for name, one in results.items():
        rows.append([name, *(one['metrics'][end] for end in ends), one['metrics']['points'], one['ms']])
    return rows


def shown(rows: list[list]) -> str:
    """Lay the table out, an interval in brackets behind its mean where there is one."""
    lines = [['detector', *COLUMNS, 'points', 'ms']]
    for name, *numbers, points, milliseconds in rows[1:]:
        cells = [
            cell(numbers[3 * i : 3 * i + 3], 2 if column == 'localisation' else 1) for i, column in enumerate(COLUMNS)
        ]
        lines.append([name, *cells, f'{points:.0f}', f'{milliseconds:.1f}'])
    return aligned(lines)


def cell(numbers: list[float], digits: int) -> str:
    """Write a mean and the ends of its interval."""
    mean, low, high = (f'{number:.{digits}f}' if np.isfinite(number) else '-' for number in numbers)
    return mean if low == '-' else f'{mean} ({low} .. {high})'


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        import hybridkp.plugin  # noqa: F401

        detectors, pairs = detectors_of(args), pairs_of(args)
        cv2.setNumThreads(torch.get_num_threads())
        results = measure(pairs, detectors, args)
    rows = table(results)
    print(f'{len(pairs) // 2} pairs, {args.points} points, radius {args.nms:g} px, threshold {args.threshold:g} px')
    print(shown(rows))
    skipped = pairs.skipped() if hasattr(pairs, 'skipped') else []
    if skipped:
        print(f'skipped {len(skipped)} images: {", ".join(skipped)}')
    if args.out:
        write_csv(rows, str(Path(args.out) / 'table.csv'))
        AtomicBackend().put_text(json.dumps(results, indent=1) + '\n', Path(args.out) / 'pairs.json')


if __name__ == '__main__':
    run_tool(main)
