"""Convert labels of other tools to COCO annotations, in one file or in random splits.

python tools/convert_labels.py deeplabcut CollectedData.csv OUT_DIR --split train=0.8,val=0.1,test=0.1
"""

import argparse
import json
from pathlib import Path

from hybridkp.converters.deeplabcut import read_deeplabcut
from hybridkp.converters.splits import split_coco
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError

# A format: what reads it, as (label file, image root or None) -> COCO dict, and what it is.
FORMATS = {
    'deeplabcut': (read_deeplabcut, 'a DeepLabCut or lightning-pose CSV of one animal'),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    formats = parser.add_subparsers(dest='format', required=True)
    for name, (_, what) in FORMATS.items():
        command = formats.add_parser(name, help=what)
        command.add_argument('labels', help=what)
        command.add_argument('out_dir', help='gets all.json, or one file a split')
        command.add_argument('--image-root', help='folder that the paths of the frames are relative to')
        command.add_argument(
            '--split',
            type=parse_fractions,
            metavar='NAME=FRACTION,...',
            help='random splits, for example train=0.8,val=0.1,test=0.1',
        )
        command.add_argument('--seed', type=int, default=42, help='seed of the splits (default: 42)')
    return parser.parse_args(argv)


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


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    read, _ = FORMATS[args.format]
    coco = read(args.labels, args.image_root)
    try:
        files = split_coco(coco, args.split, args.seed) if args.split else {'all': coco}
    except ValueError as error:
        raise InputError(f'--split: {error}') from error
    for name, content in files.items():
        path = Path(args.out_dir) / f'{name}.json'
        AtomicBackend().put_text(json.dumps(content), path)
        print(f'{path}: {len(content["images"])} images')


if __name__ == '__main__':
    run_tool(main)
