"""Convert labels of other tools to COCO annotations, in one file, in official or in random splits, and in folds.

Labels in YOLO's layout, of people in whole images, go both ways.

python tools/convert_labels.py deeplabcut CollectedData.csv OUT_DIR --split train=0.8,val=0.1,test=0.1
python tools/convert_labels.py csv junior.csv senior.csv OUT_DIR --pixel-spacing 0.25 --split train=0.8,test=0.2
python tools/convert_labels.py isbi2015 400_junior 400_senior OUT_DIR --image-root RawImage --folds 4
python tools/convert_labels.py aariz Aariz OUT_DIR
python tools/convert_labels.py coco-to-yolo person_keypoints_val2017.json OUT_DIR --image-root val2017
python tools/convert_labels.py yolo-to-coco train2017.txt val2017.txt OUT_DIR
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.config import Config

from hybridkp.converters.aariz import read_aariz
from hybridkp.converters.cells import read_spacing
from hybridkp.converters.deeplabcut import read_deeplabcut
from hybridkp.converters.isbi2015 import read_isbi2015
from hybridkp.converters.landmark_csv import read_landmark_csv
from hybridkp.converters.splits import block_names, fold_coco, fold_names, split_coco
from hybridkp.converters.yolo_layout import coco_to_yolo, yolo_to_coco
from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError


class Format(NamedTuple):
    """A format: what reads it, as (labels, image root, pixel spacing) -> COCO dict, and what it is.

    `read` takes a list of labels where there are `several`, and gives a COCO dict a split where splits are `official`.
    """

    read: Callable[..., dict]
    what: str
    several: bool = False
    official: bool = False


FORMATS = {
    'deeplabcut': Format(read_deeplabcut, 'a DeepLabCut or lightning-pose CSV of one animal'),
    'csv': Format(read_landmark_csv, 'a CSV with columns image, NAME_x, NAME_y, ... for each reader', several=True),
    'isbi2015': Format(
        read_isbi2015, 'a folder of txt files, or a CSV, for each reader of ISBI 2015', several=True, official=True
    ),
    'aariz': Format(read_aariz, 'the folder of Aariz (CEPHA29), with train, valid and test', official=True),
}

COCO17 = Path(__file__).parents[1] / 'configs/_base_/skeletons/coco17.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    formats = parser.add_subparsers(dest='format', required=True)
    for name, entry in FORMATS.items():
        command = formats.add_parser(name, help=entry.what)
        command.add_argument('labels', help=entry.what, nargs='+' if entry.several else None)
        command.add_argument('out_dir', help='gets all.json, or one file a split')
        command.add_argument('--image-root', help='folder that the paths of the images are relative to')
        command.add_argument(
            '--pixel-spacing', type=parse_spacing, metavar='MM', help='mm per px of images of which the labels say none'
        )
        command.add_argument(
            '--split',
            type=parse_fractions,
            metavar='NAME=FRACTION,...',
            help='random splits, for example train=0.8,val=0.1,test=0.1',
        )
        command.add_argument('--seed', type=int, default=42, help='seed of splits and folds (default: 42)')
        command.add_argument(
            '--folds', type=int, metavar='K', help='also write K times train.json and val.json of the split train'
        )
        command.add_argument(
            '--blocks',
            type=int,
            metavar='K',
            help='likewise, with consecutive images in each val.json: where the habits of labelling drift, their '
            'errors are more like those of the images to come',
        )
    add_yolo(formats)
    return parser.parse_args(argv)


def add_yolo(formats: argparse._SubParsersAction) -> None:
    """Add the sub-commands of YOLO's layout."""
    there = formats.add_parser('coco-to-yolo', help="COCO annotations to YOLO's lists and text files")
    there.add_argument('labels', help='COCO annotations (.json)')
    there.add_argument('out_dir', help='gets labels/NAME/*.txt and NAME.txt, which lists images/NAME/*')
    there.add_argument('--name', help='of the split; default: that of the file after the last _')
    there.add_argument('--image-root', help='folder of the images, to which images/NAME will be a link')
    back = formats.add_parser('yolo-to-coco', help="YOLO's lists and text files to COCO annotations")
    back.add_argument('labels', help='lists of images, such as train2017.txt', nargs='+')
    back.add_argument('out_dir', help='gets a .json for each list')
    back.add_argument('--classes', default='person', help='their names, with commas (default: %(default)s)')
    for command in (there, back):
        command.add_argument('--skeleton', default=str(COCO17), help='config of the keypoints (default: coco17.py)')


def parse_fractions(text: str) -> dict[str, float]:
    """Parse 'train=0.8,test=0.2'."""
    fractions = {}
    for part in text.split(','):
        name, _, fraction = part.partition('=')
        if not name.isidentifier() or name in fractions:
            raise argparse.ArgumentTypeError(f'expected NAME=FRACTION,... with names that differ, got {text!r}')
        try:
            fractions[name] = float(fraction)
        except ValueError:
            raise argparse.ArgumentTypeError(f'expected a number after {name}=, got {fraction!r}') from None
    return fractions


def parse_spacing(text: str) -> float:
    """Parse a pixel spacing in mm."""
    try:
        return read_spacing(text, 'MM')
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def make_splits(args: argparse.Namespace) -> dict[str, dict]:
    """Read the labels; give what each split has, or everything as the split 'all'."""
    entry = FORMATS[args.format]
    if args.split and entry.official:
        raise InputError(f'--split: expected none, as {args.format} has official splits, got {args.split}')
    read = entry.read(args.labels, args.image_root, args.pixel_spacing)
    if entry.official:
        return read
    try:
        return split_coco(read, args.split, args.seed) if args.split else {'all': read}
    except ValueError as error:
        raise InputError(f'--split: {error}') from error


def make_folds(splits: dict[str, dict], args: argparse.Namespace) -> dict[str, dict]:
    """Give what is trained and validated on in each fold and each block of the split to train on."""
    files = {}
    for option, name, count in (('--folds', 'fold', args.folds), ('--blocks', 'block', args.blocks)):
        if count is None:
            continue
        whole = splits.get('train') or splits.get('all')
        if whole is None:
            raise InputError(f'{option}: expected a split train to make them of, got {", ".join(splits)}')
        images = len(whole['images'])
        try:
            part_of = fold_names(images, count, args.seed) if name == 'fold' else block_names(images, count)
        except ValueError as error:
            raise InputError(f'{option}: {error}') from error
        for i, parts in enumerate(fold_coco(whole, part_of)):
            files |= {f'{name}{i}/{part}': parts[part] for part in ('train', 'val')}
    return files


def convert_yolo(args: argparse.Namespace) -> None:
    """Convert from or to YOLO's layout."""
    if not Path(args.skeleton).is_file():
        raise FileNotFoundError(f'{args.skeleton}: there is no such file')
    try:
        skeleton = Config.fromfile(args.skeleton).skeleton.to_dict()
        names = list(skeleton_metainfo(skeleton)['keypoint_name2id'])
    except (AttributeError, KeyError, ValueError, SyntaxError) as error:
        raise InputError(f'{args.skeleton}: expected a config with a skeleton ({error})') from error
    if args.format == 'coco-to-yolo':
        split = args.name or Path(args.labels).stem.rpartition('_')[2]
        print(coco_to_yolo(args.labels, names, args.out_dir, split, args.image_root))
        return
    for name, content in yolo_to_coco(args.labels, names, args.classes.split(',')).items():
        path = Path(args.out_dir) / f'{name}.json'
        AtomicBackend().put_text(json.dumps(content), path)
        print(f'{path}: {len(content["images"])} images, {len(content["annotations"])} people')


def summary(coco: dict) -> str:
    """Count images and landmarks, and say which part of the frames the landmarks take."""
    labelled = sum(annotation['num_keypoints'] for annotation in coco['annotations'])
    every = len(coco['categories'][0]['keypoints']) * len(coco['annotations'])
    counts = f'{len(coco["images"])} images, {labelled} landmarks labelled, {every - labelled} missing'
    return counts + (f', in {region(coco)} of the frame' if labelled else '')


def region(coco: dict) -> str:
    """Give the (left, top, right, bottom) that holds all labelled landmarks, as fractions of the image's size."""
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    points = [
        np.reshape(annotation['keypoints'], (-1, 3)) / (*sizes[annotation['image_id']], 1)
        for annotation in coco['annotations']
    ]
    x, y, visible = np.concatenate(points).T
    x, y = x[visible > 0], y[visible > 0]
    return f'({x.min():.3f}, {y.min():.3f}, {x.max():.3f}, {y.max():.3f})'


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if Path(args.out_dir).is_file():
        raise InputError(f'{args.out_dir}: expected a folder to write to, got a file')
    if args.format in ('coco-to-yolo', 'yolo-to-coco'):
        convert_yolo(args)
        return
    files = make_splits(args)
    files |= make_folds(files, args)
    for name, content in files.items():
        path = Path(args.out_dir) / f'{name}.json'
        AtomicBackend().put_text(json.dumps(content), path)
        print(f'{path}: {summary(content)}')


if __name__ == '__main__':
    run_tool(main)
