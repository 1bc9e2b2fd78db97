"""Examine data, settings and model of a config before a training, and say how to mend them; or write a first config.

python tools/doctor.py CONFIG [--checkpoint C] [--all]
python tools/doctor.py --init ANNOTATION.json --name NAME [--img-root DIR] [--input-size WxH]
python tools/doctor.py --init TRAIN.json VAL.json [TEST.json] --name NAME ...
"""

import argparse
import importlib.util
import json
import os.path as osp
import re
import sys
from collections import Counter
from pathlib import Path

import torch
from mmengine.config import DictAction
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from hybridkp import stack
from hybridkp.converters.complete_records import complete_records
from hybridkp.converters.keypoint_set import KeypointSet, read_keypoint_set
from hybridkp.converters.splits import split_coco
from hybridkp.converters.starter_config import StarterConfig, plan
from hybridkp.datasets.coco_json import read_annotations
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import explain_errors, load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.inspection.examination import Examination
from hybridkp.inspection.finding import FAIL, OK, WARN

CONFIGS = Path(__file__).parents[1] / 'configs'
SPLIT = {'train': 0.8, 'val': 0.2}
SEED = 42
STEP = 32
"""The sides of an input are multiples of so many px."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', help='the config file')
    parser.add_argument('--checkpoint', help='a checkpoint that has to fit the model')
    parser.add_argument('--all', action='store_true', help='decode and compare every image, not 200 of a file')
    parser.add_argument('--samples', type=int, default=32, help='samples of a data set that run; default %(default)s')
    parser.add_argument('--no-model', action='store_true', help='look at labels, images and settings only')
    parser.add_argument('--gpus', type=int, default=1, help='how many GPUs will train; default %(default)s')
    parser.add_argument('--device', choices=['cpu', 'cuda'], help='of the training step; default a GPU if there is one')
    parser.add_argument('--quiet', action='store_true', help='leave out what is ok')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    init = parser.add_argument_group('a first config for a COCO keypoint file of yours')
    init.add_argument('--init', nargs='+', metavar='JSON', help='one file, which is split, or train, val and test')
    init.add_argument('--name', help='of the set, in small letters: of its skeleton, data and experiment')
    init.add_argument('--img-root', help='folder of the images; default is looked for around the file')
    init.add_argument('--input-size', type=parse_size, metavar='WxH', help='default is chosen by the boxes')
    init.add_argument('--folder', default='animal', help='of the experiment in configs; default %(default)s')
    init.add_argument('--configs', type=Path, default=CONFIGS, help='default the configs of this project')
    args = parser.parse_args(argv)
    if bool(args.config) == bool(args.init):
        parser.error('expected either a config or --init')
    if args.init and not args.name:
        parser.error('--init needs --name')
    if args.init and len(args.init) > 3:
        parser.error('--init takes one to three files: train, val and test')
    if args.samples < 1 or args.gpus < 1:
        parser.error('--samples and --gpus are at least 1')
    return args


def parse_size(text: str) -> tuple[int, int]:
    """Parse '192x256' (width x height)."""
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    sides = tuple(map(int, match.groups())) if match else ()
    if not sides or any(side % STEP or not side for side in sides):
        raise argparse.ArgumentTypeError(f'expected WIDTHxHEIGHT in multiples of {STEP} px, got {text!r}')
    return sides


def examine(args: argparse.Namespace) -> int:
    """Print all findings of a config; gives the exit status."""
    cfg = load_config(args.config, args.cfg_options, None)
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise InputError('--device cuda needs a GPU, and torch sees none here')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    examination = Examination(
        cfg,
        images=None if args.all else 200,
        samples=0 if args.no_model else args.samples,
        gpus=args.gpus,
        device=args.device or ('cuda' if torch.cuda.is_available() else 'cpu'),
        checkpoint=args.checkpoint,
    )
    counts = Counter()
    with explain_errors(cfg):
        for finding in examination.findings():
            counts[finding.level] += 1
            if finding.level != OK or not args.quiet:
                print(finding, flush=True)
    print(f'\n{args.config}: {counts[OK]} ok, {counts[WARN]} warn, {counts[FAIL]} FAIL')
    return 1 if counts[FAIL] else 0


def check_name(name: str) -> None:
    """Refuse names that cannot be those of a set: mmpose looks its own up in configs/_base_/datasets first."""
    if not re.fullmatch(r'[a-z][a-z0-9_]*', name) or re.search(r'_\d+x\d+$', name):
        raise InputError(f'--name: expected small letters, digits and _, without a size at the end, got {name!r}')
    (mmpose,) = importlib.util.find_spec('mmpose').submodule_search_locations
    if (Path(mmpose) / f'.mim/configs/_base_/datasets/{name}.py').exists():
        raise InputError(f'--name: {name} is the name of a data set of mmpose; take another, e.g. my_{name}')


def image_root(coco: dict, path: str, given: str | None) -> Path:
    """Give the folder that has the first image of a file: the one that is given, or one around the file."""
    if not coco['images']:
        raise InputError(f'{path}: expected images, got none')
    name, folder = coco['images'][0]['file_name'], Path(path).resolve().parent
    folders = [Path(given)] if given else [folder, folder / 'images', folder.parent, folder.parent / 'images']
    for candidate in folders:
        if (candidate / name).is_file():
            return candidate
    raise FileNotFoundError(
        f'{path}: its image {name} is not in {", ".join(map(str, folders))}; name the folder with --img-root'
    )


def read_parts(paths: list[str]) -> tuple[KeypointSet, dict[str, dict], list[str]]:
    """Read the annotation files: gives the keypoints, the parts by the paths that they have or get, and notes."""
    keypoints, coco = read_keypoint_set(paths[0])
    if len(paths) > 1:
        others = {path: read_annotations(path, len(keypoints.names), keypoints.names) for path in paths[1:]}
        return keypoints, {paths[0]: coco, **others}, []
    coco, notes = complete_records(coco, len(keypoints.names))
    try:
        parts = split_coco(coco, SPLIT, SEED)
    except ValueError as error:
        raise InputError(f'{paths[0]}: {error}; give files of train and val') from error
    notes.append(
        f'{", ".join(f"{share:.0%} {name}" for name, share in SPLIT.items())}, at random by image; frames of one film '
        'that resemble each other are then in both: give files of train and val where that matters'
    )
    stem = osp.splitext(paths[0])[0]
    return keypoints, {f'{stem}_{name}.json': part for name, part in parts.items()}, notes


def write_new(files: dict[Path, str]) -> None:
    """Write files that are not there yet, or none of them."""
    there = [str(path) for path in files if path.exists()]
    if there:
        raise InputError(
            f'{", ".join(there)} exist already, and nothing is overwritten: take another --name, or move it'
        )
    for path, text in files.items():
        AtomicBackend().put_text(text, path)
        print(f'written  {path}')


def init(args: argparse.Namespace) -> None:
    """Write skeleton, data and experiment of a new set."""
    check_name(args.name)
    if not (args.configs / '_base_/datasets/whole_frame.py').is_file():
        raise FileNotFoundError(f'{args.configs}: expected the configs of this project, with _base_/')
    keypoints, parts, notes = read_parts(args.init)
    root = image_root(next(iter(parts.values())), args.init[0], args.img_root)
    labels = [*parts, list(parts)[-1]][:3] if len(parts) < 3 else list(parts)
    starter = plan(args.name, keypoints, list(parts.values()), (*labels, str(root)), args.input_size)
    texts = {args.configs / path: text for path, text in starter.texts(args.folder).items()}
    if len(args.init) == 1:
        texts |= {Path(path): json.dumps(part) for path, part in parts.items()}
    write_new(texts)
    report(starter, [*notes, *keypoints.notes], args)


def report(starter: StarterConfig, notes: list[str], args: argparse.Namespace) -> None:
    """Say what was guessed, and what comes next."""
    pairs = ', '.join(f'{left} - {right}' for left, right in starter.keypoints.flip_pairs)
    print(f'\n{len(starter.keypoints.names)} keypoints: {", ".join(starter.keypoints.names)}')
    print(f'flip pairs, guessed from the names; check them: {pairs or "none"}')
    print('images are mirrored in training and test' if starter.keypoints.mirrors else 'no image is mirrored')
    for note in notes:
        print(f'note: {note}')
    config = osp.relpath(args.configs / args.folder / f'{starter.experiment}.py')
    print(f'\nnext:\n  python tools/doctor.py {config}\n  python tools/train.py {config}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    MMLogger.get_instance('doctor', log_level='ERROR')
    stack.mend()
    if args.init:
        init(args)
    else:
        sys.exit(examine(args))


if __name__ == '__main__':
    run_tool(main)
