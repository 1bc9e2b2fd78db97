"""Compare two COCO keypoint result files on the same images: AP with intervals, tests, keypoints and errors."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybridkp.datasets.skeleton import read_skeleton, skeleton_metainfo
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError
from hybridkp.evaluation.coco_evaluation import CocoEvaluation, evaluate
from hybridkp.evaluation.coco_results import read_coco_results, without_duplicates
from hybridkp.evaluation.coco_truth import CocoTruth, arrange, read_records
from hybridkp.evaluation.keypoint_precision import keypoint_precision
from hybridkp.evaluation.paired_difference import PairedDifference, keypoint_differences, paired_differences
from hybridkp.evaluation.pose_errors import KINDS, MATCH, PoseErrors, classify, gains
from hybridkp.evaluation.protocol import COMPARED, SEPARATING, annotation_file, differences, file_hash, read_protocol
from hybridkp.evaluation.result_skeleton import ResultSkeleton, from_metainfo, from_protocol
from hybridkp.evaluation.text_table import Row, aligned

COCO17 = Path(__file__).parents[1] / 'configs/_base_/skeletons/coco17.py'
MAX_DETECTIONS = 20
FORMS = ['', *['.4f'] * 8]
DIFFERENT_DATA = ('images', 'annotations')
"""Differences of protocols with which results are not compared unless somebody insists."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('results', nargs=2, metavar='RESULT.json', help='the files, A and B; differences are B minus A')
    parser.add_argument('--ann-file', help='the annotations; default those that the files name, if they are the same')
    parser.add_argument(
        '--skeleton',
        metavar='CONFIG',
        help='a config with the skeleton; default that of the files, or coco17 for keypoints of its names',
    )
    parser.add_argument(
        '--bootstrap', type=int, default=1000, help='draws of images (default 1000); 0 for no intervals'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the draws (default 0)')
    parser.add_argument(
        '--nms',
        type=float,
        metavar='OKS',
        help='over which similarity one of two detections of an image is dropped; default as each file says, or none',
    )
    parser.add_argument('--unlike', action='store_true', help='compare results of other images or annotations, too')
    return parser.parse_args(argv)


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse numbers that make no sense.

    Raises:
        InputError: a number is out of its range.
    """
    for name in ('bootstrap', 'seed'):
        if (value := getattr(args, name)) < 0:
            raise InputError(f'--{name}: expected a number of at least 0, got {value}')
    if args.nms is not None and not 0 <= args.nms <= 1:
        raise InputError(f'--nms: expected a similarity from 0 to 1, got {args.nms:g}')


def check_protocols(args: argparse.Namespace, protocols: list[dict | None]) -> None:
    """Print what makes the numbers incomparable, or may do so.

    Raises:
        InputError: images or annotations differ, and nobody insists.
    """
    if silent := [name for name, protocol in zip('AB', protocols, strict=True) if protocol is None]:
        print('\nWARNING: nobody knows whether these numbers are comparable')
        print(
            '\n'.join(f'  {name} does not say how it came about: its boxes, images, flip test ...' for name in silent)
        )
        return
    unlike, _ = differences(*protocols)
    if unlike:
        print('\nWARNING: these numbers are not comparable')
        print('\n'.join(f'  {SEPARATING[key]}: A {first}; B {second}' for key, first, second in unlike))
    if not args.unlike and (keys := [SEPARATING[key] for key, *_ in unlike if key in DIFFERENT_DATA]):
        raise InputError(
            f'{args.results[0]} and {args.results[1]}: expected results of the same {" and ".join(keys)}, got other '
            'ones; --unlike compares them nevertheless'
        )


def find_annotations(args: argparse.Namespace, protocols: list[dict | None]) -> str:
    """Give the annotation file.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: nobody says which one it is.
    """
    if args.ann_file:
        if not Path(args.ann_file).is_file():
            raise FileNotFoundError(f'{args.ann_file}: there is no such file')
        return args.ann_file
    if found := next(filter(None, map(annotation_file, protocols)), None):
        return found
    named = [protocol['annotations'] for protocol in protocols if protocol and protocol.get('annotations')]
    why = f'{named[0]} is not there or not the same any more' if named else 'neither file says which one it was'
    raise InputError(f'expected --ann-file, the annotations to compare with: {why}')


def check_annotations(ann_file: str, protocols: list[dict | None]) -> None:
    """Print whether a file was made with other annotations."""
    for name, protocol in zip('AB', protocols, strict=True):
        if protocol and protocol.get('annotations_sha256') not in (None, file_hash(ann_file)):
            print(f'\nWARNING: {name} was made with other annotations than {ann_file}')


def find_skeleton(
    args: argparse.Namespace, protocols: list[dict | None], truth: CocoTruth, names: list[str]
) -> ResultSkeleton:
    """Give the skeleton, whose keypoints are as many as those of the annotations, which may have names.

    Raises:
        FileNotFoundError: there is no such config.
        InputError: nobody says which one it is, or it has other keypoints.
    """
    count = truth.keypoints.shape[1]
    skeleton = next(filter(None, map(from_protocol, protocols)), None)
    if args.skeleton:
        skeleton = from_metainfo(skeleton_metainfo(read_skeleton(args.skeleton)))
    elif skeleton is None and names == (usual := from_metainfo(skeleton_metainfo(read_skeleton(str(COCO17))))).names:
        skeleton = usual
    if skeleton is None:
        raise InputError(f'expected --skeleton, a config with a skeleton of {count} keypoints: the files do not say it')
    if len(skeleton.names) != count:
        raise InputError(
            f'expected a skeleton of {count} keypoints, as the annotations have, got {skeleton.name} with '
            f'{len(skeleton.names)}'
        )
    return skeleton


def read(path: str, truth: CocoTruth, skeleton: ResultSkeleton, nms: float | None) -> CocoEvaluation:
    """Read and evaluate a file, as it says or with another threshold of the suppression."""
    results = read_coco_results(path, truth, len(skeleton.names))
    protocol = results.protocol or {}
    results = without_duplicates(results, skeleton.sigmas, protocol.get('nms_threshold') if nms is None else nms)
    count = protocol.get('max_detections') or MAX_DETECTIONS
    return evaluate(results.detections, truth, skeleton.sigmas, count)


def measure_table(compared: dict[str, PairedDifference]) -> list[Row]:
    """Lay the measures of both results out, each in a row."""
    rows = [['', 'A', '95 %', 'B', '95 %', 'B - A', '95 %', 'p bootstrap', 'p exchange']]
    for name, one in compared.items():
        intervals = [interval(limits) for limits in (one.first_interval, one.second_interval, one.interval)]
        values = [one.first, intervals[0], one.second, intervals[1], signed(one.difference), intervals[2]]
        rows.append([name, *values, one.p_bootstrap, one.p_exchange])
    return rows


def keypoint_table(
    evaluations: Sequence[CocoEvaluation], names: Sequence[str], compared: Sequence[PairedDifference]
) -> list[Row]:
    """Lay the average precisions and similarities of the keypoints out, each in a row, and the similarity of all."""
    precisions = [keypoint_precision(one).ap.tolist() + [float('nan')] for one in evaluations]
    rows = [['keypoint', 'AP A', 'AP B', 'similarity A', 'B', 'B - A', '95 %', 'p bootstrap', 'p exchange']]
    for name, *values, one in zip([*names, 'all'], *precisions, compared, strict=True):
        values += [one.first, one.second, signed(one.difference), interval(one.interval)]
        rows.append([name, *values, one.p_bootstrap, one.p_exchange])
    return rows


def error_table(errors: Sequence[PoseErrors], costs: Sequence[dict]) -> list[Row]:
    """Lay out how many keypoints have which error, and by how much AP and AP .75 would rise without it."""
    rows = [['', 'A', '%', 'B', '%', 'AP gain A', 'B', 'AP .75 gain A', 'B']]
    totals = [found.counts.sum(axis=1) for found in errors]
    for i, kind in enumerate((*KINDS, 'all')):
        row = ['all errors' if kind == 'all' else kind]
        for total in totals:
            count = int(total[1:].sum() if kind == 'all' else total[i])
            row += [count, 100 * count / max(int(total.sum()), 1)]
        rows.append(row + [signed(cost[kind][key]) if i else '' for key in ('AP', 'AP .75') for cost in costs])
    return rows


def keypoint_error_table(errors: Sequence[PoseErrors], names: Sequence[str]) -> list[Row]:
    """Lay out how many of each keypoint have which error."""
    rows = [['A / B', *KINDS]]
    for k, name in enumerate(names):
        pairs = zip(*(found.counts[:, k].tolist() for found in errors), strict=True)
        rows.append([name, *(f'{first} / {second}' for first, second in pairs)])
    return rows


def people_line(name: str, evaluation: CocoEvaluation) -> str:
    """Say how many of the people a result finds at all."""
    partners, to_find = evaluation.partners_at(MATCH), int((~evaluation.truth.ignored).sum())
    found = int((partners >= 0).sum())
    return f'{name} finds {found} of {to_find} people with {len(partners)} detections'


def interval(limits: tuple[float, float]) -> str:
    return '-' if np.isnan(limits[0]) else '[{:.4f}, {:.4f}]'.format(*limits)


def signed(value: float) -> str:
    return '-' if np.isnan(value) else f'{value:+.4f}'


def print_compared(protocols: list[dict | None]) -> None:
    """Print in what the networks differ, where both files say it."""
    compared = [] if None in protocols else differences(*protocols)[1]
    if compared:
        print('\n' + '\n'.join(f'{COMPARED[key]}: A {first}; B {second}' for key, first, second in compared))


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    check_arguments(args)
    protocols = [read_protocol(path) for path in args.results]
    print(f'A  {args.results[0]}\nB  {args.results[1]}')
    check_protocols(args, protocols)
    ann_file = find_annotations(args, protocols)
    check_annotations(ann_file, protocols)
    records = read_records(ann_file)
    truth = arrange(records, ann_file)
    if not len(truth.keypoints):
        raise InputError(f'{ann_file}: expected annotated people, got none')
    names = next((one['keypoints'] for one in records.get('categories') or [] if one.get('keypoints')), [])
    skeleton = find_skeleton(args, protocols, truth, names)
    evaluations = [read(path, truth, skeleton, args.nms) for path in args.results]
    print_compared(protocols)
    people = int((~truth.ignored).sum())
    print(f'\nannotations  {ann_file}, {len(truth.images)} images, {people} people\nskeleton     {skeleton.name}')
    compared = paired_differences(*(one.accumulation for one in evaluations), args.bootstrap, args.seed)
    print(f'\n{aligned(measure_table(compared), FORMS)}')
    by_keypoint = keypoint_differences(*evaluations, args.bootstrap, args.seed)
    print(f'\n{aligned(keypoint_table(evaluations, skeleton.names, by_keypoint), FORMS)}')
    errors = [classify(one, skeleton.flip_indices) for one in evaluations]
    costs = [gains(one, found) for one, found in zip(evaluations, errors, strict=True)]
    print('\n' + '\n'.join(people_line(*pair) for pair in zip('AB', evaluations, strict=True)))
    print(f'\n{aligned(error_table(errors, costs), ["", *[".1f"] * 8])}')
    print(f'\n{aligned(keypoint_error_table(errors, skeleton.names))}')


if __name__ == '__main__':
    run_tool(main)
