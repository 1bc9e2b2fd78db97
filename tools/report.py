"""Make one HTML page of a result file, with numbers, plots and pictures, that needs nothing but itself.

What the annotations hold decides what is measured. A landmark set, where no image has more than one labelled instance
and either every image with one has a pixel spacing (its own, or the set's in "info") or an annotation has the points of
several readers, gets radial errors, in mm with a spacing, else in px. Everything else gets COCO's average precision.
"""

import argparse
from pathlib import Path

from hybridkp import stack
from hybridkp.datasets.skeleton import read_skeleton
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError

COCO17 = Path(__file__).parents[1] / 'configs/_base_/skeletons/coco17.py'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', help='the result file of tools/test.py --out, or any COCO keypoint results')
    parser.add_argument('--ann-file', help="the annotations; default those of the file's protocol")
    parser.add_argument(
        '--img-root', help='the folder of the images; default where they are found beside the annotations, else none'
    )
    parser.add_argument('--out', default='report.html', help='the page (default report.html)')
    parser.add_argument(
        '--count', type=int, default=12, help='how many of the worst and of the best cases are drawn (default 12)'
    )
    parser.add_argument(
        '--skeleton',
        metavar='CONFIG',
        help="a config with the skeleton; default the protocol's, or coco17 where the annotations have its names",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if args.count < 0:
        raise InputError(f'--count: expected 0 or more, got {args.count}')
    stack.mend()
    from hybridkp.inference.report import make_report
    from hybridkp.inference.report_source import ReportSource

    skeleton = read_skeleton(args.skeleton) if args.skeleton else None
    source = ReportSource(args.results, args.ann_file, args.img_root, skeleton, usual=read_skeleton(str(COCO17)))
    try:
        AtomicBackend().put_text(make_report(source, args.count), args.out)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f'page {args.out} cannot be written: {error.strerror}') from error
    print(Path(args.out))


if __name__ == '__main__':
    run_tool(main)
