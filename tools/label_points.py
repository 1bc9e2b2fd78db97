"""Label the blobs of all images below a folder once, in parallel, into Parquet shards; whoever is stopped goes on.

Training needs no such files: it labels each batch on its device. They are for those who want labels stored.
"""

import argparse
import os
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

import cv2
import torch

from hybridkp.datasets.image_listing import ImageListing
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError
from hybridkp.inference.point_detectors import detect_image_blobs
from hybridkp.inference.point_shards import begin, parquet, shard_path, write_shard

known = {}
"""What a process was told by `prepare`."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('images', help='the folder; those below it are looked into as well')
    parser.add_argument('out', help='where labels-00000.parquet, ... go')
    parser.add_argument('--count', type=int, default=300, help='how many points an image has at most (default 300)')
    parser.add_argument(
        '--scales', nargs=2, type=float, default=(2.0, 16.0), help='of the filters in px (default 2 16)'
    )
    parser.add_argument('--threshold', type=float, default=0.005, help='least strength (default %(default)s)')
    parser.add_argument('--min-side', type=int, default=32, help='smaller images get no labels (default 32)')
    parser.add_argument('--shard', type=int, default=2000, help='images a shard (default 2000)')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes (default %(default)s)')
    args = parser.parse_args(argv)
    if min(args.count, args.shard, args.workers, args.min_side) < 1 or args.threshold < 0:
        raise InputError('expected a count, shard, workers and min-side of at least 1 and a threshold of at least 0')
    if not 2 <= args.scales[0] <= args.scales[1] <= 64:
        raise InputError(
            f'--scales: expected 2 <= SMALLEST <= LARGEST <= 64, got {args.scales[0]} and {args.scales[1]}'
        )
    return args


def prepare(listing: ImageListing, args: argparse.Namespace) -> None:
    """Tell a process what there is to do, once, and leave the other cores to the other processes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    known.update(listing=listing, args=args)


def label(number: int) -> tuple[int, list[str]]:
    """Write one shard and give its number and what is wrong with its images."""
    listing, args = known['listing'], known['args']
    detect = partial(detect_image_blobs, count=args.count, scales=(*args.scales, 3), threshold=args.threshold)
    start = number * args.shard
    names = [listing[i] for i in range(start, min(start + args.shard, len(listing)))]
    return number, write_shard(shard_path(args.out, number), args.images, names, detect, args.min_side)


def done(numbers: list[int], listing: ImageListing, args: argparse.Namespace) -> Iterator[tuple[int, list[str]]]:
    """Write shards, here or in several processes, and give what `label` gives as it comes."""
    if min(args.workers, len(numbers)) <= 1:
        prepare(listing, args)
        yield from map(label, numbers)
        return
    with get_context('spawn').Pool(min(args.workers, len(numbers)), prepare, (listing, args)) as pool:
        yield from pool.imap_unordered(label, numbers)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    parquet()
    listing = ImageListing(args.images)
    settings = {name: getattr(args, name) for name in ('count', 'scales', 'threshold', 'min_side', 'shard')}
    begin(args.out, dict(images=len(listing), first=listing[0], last=listing[len(listing) - 1], **settings))
    shards = -(-len(listing) // args.shard)
    waiting = [number for number in range(shards) if not shard_path(args.out, number).is_file()]
    print(f'{len(listing)} images, {shards} shards, {shards - len(waiting)} of them there already')
    if listing.warning:
        print(f'warning: {listing.warning}')
    wrong = 0
    for number, sentences in done(waiting, listing, args):
        print(
            shard_path(args.out, number), *(f'  no labels: {sentence}' for sentence in sentences), sep='\n', flush=True
        )
        wrong += len(sentences)
    print(f'labels in {args.out}' + (f'; {wrong} images have none' if wrong else ''))


if __name__ == '__main__':
    run_tool(main)
