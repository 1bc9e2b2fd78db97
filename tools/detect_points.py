"""Find interest points in images, by anisotropic filters or a trained network, draw them and write them as JSON."""

import argparse
import os.path as osp
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from hybridkp import stack
from hybridkp.datasets.image_listing import ImageListing
from hybridkp.datasets.read_image import read_image
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.inference.gallery import write_picture
from hybridkp.inference.point_detectors import detect_image_blobs
from hybridkp.inference.point_picture import BRIGHT, DARK, draw_points, points_as_json

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
MIN_SIDE = 16


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('images', help='an image, or a folder whose images are all read, those in folders below it too')
    parser.add_argument('--out', default='points', help='where NAME.png and NAME.json go (default %(default)s)')
    parser.add_argument('--count', type=int, default=300, help='how many points an image has at most (default 300)')
    parser.add_argument(
        '--scales',
        nargs=2,
        type=float,
        default=(2.0, 16.0),
        metavar=('SMALLEST', 'LARGEST'),
        help='standard deviations in px of the filters (default 2 16)',
    )
    parser.add_argument('--threshold', type=float, help='least strength (default 0.01) or score (default 0.1)')
    parser.add_argument(
        '--network', nargs=2, metavar=('CONFIG', 'CHECKPOINT'), help='a network in place of the filters'
    )
    parser.add_argument('--max-side', type=int, default=2048, help='larger images are shrunk to that (default 2048)')
    parser.add_argument('--zoom', type=float, default=2.0, help='enlargement of the pictures (default 2)')
    parser.add_argument('--no-pictures', action='store_true', help='write the JSON files alone')
    args = parser.parse_args(argv)
    if args.count < 1 or args.max_side < MIN_SIDE or args.zoom <= 0 or (args.threshold or 0) < 0:
        raise InputError(
            f'expected a count of at least 1, a max-side of at least {MIN_SIDE}, a zoom above 0 and a threshold of at '
            f'least 0, got {args.count}, {args.max_side}, {args.zoom} and {args.threshold}'
        )
    return args


def detector(args: argparse.Namespace) -> Callable[[np.ndarray], Points]:
    """Give what finds points, scores and covariances in an image."""
    if args.network:
        stack.mend()
        from hybridkp.inference.point_network import PointNetwork

        cfg: Config = load_config(args.network[0], None, None)
        with DefaultScope.overwrite_default_scope('mmpose'):
            network = PointNetwork(cfg, args.network[1], args.count, 0.1 if args.threshold is None else args.threshold)
        return network.predict
    scales = check_scales(*args.scales)
    threshold = 0.01 if args.threshold is None else args.threshold

    def filters(image: np.ndarray) -> Points:
        blobs = detect_image_blobs(image, args.count, scales, threshold)
        return blobs.points, blobs.strengths, blobs.covariances

    return filters


def check_scales(smallest: float, largest: float) -> tuple[float, float, int]:
    """Give the scales of the filters, which are 2 px at least: a step below, the narrowest filter is just over 1 px."""
    if not 2 <= smallest <= largest <= 64:
        raise InputError(f'--scales: expected 2 <= SMALLEST <= LARGEST <= 64, got {smallest:g} and {largest:g}')
    return smallest, largest, 3


def find_points(image: np.ndarray, find: Callable[[np.ndarray], Points], max_side: int) -> Points:
    """Find points in px of an image that is shrunk for it where it is larger than `max_side`."""
    factor = min(1.0, max_side / max(image.shape[:2]))
    if factor == 1:
        return find(image)
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    points, scores, covariances = find(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    scale = np.array(image.shape[1::-1]) / size
    return (points + 0.5) * scale - 0.5, scores, covariances * np.outer(scale, scale)


def named_images(path: str) -> list[tuple[str, str]]:
    """Give names and paths of the image, or of all images of the folder, that a path is."""
    if not osp.isdir(path):
        return [(Path(path).stem, path)]
    listing = ImageListing(path)
    if listing.warning:
        print(f'warning: {listing.warning}')
    counts = Counter(osp.splitext(name)[0] for name in listing)
    names = [osp.splitext(name)[0] if counts[osp.splitext(name)[0]] == 1 else name for name in listing]
    return [(name, osp.join(path, file)) for name, file in zip(names, listing, strict=True)]


def read(path: str) -> np.ndarray:
    """Read an image that is large enough."""
    image = read_image(path)
    if min(image.shape[:2]) < MIN_SIDE:
        height, width = image.shape[:2]
        raise InputError(f'{path}: expected an image of at least {MIN_SIDE} x {MIN_SIDE} px, got {width} x {height}')
    return image


@torch.no_grad()
def process(name: str, path: str, args: argparse.Namespace, find: Callable[[np.ndarray], Points]) -> None:
    """Find, write and draw the points of one image."""
    image = read(path)
    points, scores, covariances = find_points(image, find, args.max_side)
    content = points_as_json(osp.basename(path), image.shape[:2], points, scores, covariances)
    AtomicBackend().put_text(content + '\n', Path(args.out) / f'{name}.json')
    if not args.no_pictures:
        colors = np.where((scores < 0)[:, None] | bool(args.network), BRIGHT, DARK)
        write_picture(Path(args.out) / f'{name}.png', draw_points(image, points, covariances, colors, args.zoom))
    print(f'{path}: {len(points)} points')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    images, find, skipped = named_images(args.images), detector(args), []
    for name, path in images:
        try:
            process(name, path, args, find)
        except (InputError, FileNotFoundError) as error:
            if len(images) == 1:
                raise
            skipped.append(str(error))
    if skipped:
        print(f'skipped {len(skipped)} of {len(images)} images:', *skipped, sep='\n  ')
    if len(skipped) == len(images):
        raise InputError(f'{args.images}: expected images that can be used, got none of {len(images)}')
    print(f'{len(images) - len(skipped)} images in {args.out}')


if __name__ == '__main__':
    run_tool(main)
