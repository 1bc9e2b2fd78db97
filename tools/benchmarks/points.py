"""Interest points of images: our filters and a network beside OpenCV's detectors, with the same images and points."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from benchmarks.contest import Contest, Run
from benchmarks.train import build
from mmpose.structures import PoseDataSample

from hybridkp.datasets.image_folder import ImageFolder
from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError
from hybridkp.ops.anisotropic_blobs import detect_blobs
from hybridkp.ops.anisotropic_filters import blob_measure, geometric_scales

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/points/hybridnet_s_pictures_224.py'
IMAGES = ROOT / 'tests/data/coco/val2017'
SCALES = (2.0, 8.0, 3)
"""Smallest and largest sigma in px and scales an octave, as the teacher and the evaluation have them."""
BANK, FILTERS, NETWORK = (
    'hybridkp, filter bank alone',
    'hybridkp, points of the filters',
    'hybridkp, points of the network',
)
OPENCV = "OpenCV's {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--images', default=str(IMAGES), help='folder to take images from; default the bundled ones')
    parser.add_argument('--size', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'), default=(640, 480), help='in px')
    parser.add_argument('--count', type=int, default=500, help='points an image; default %(default)s')
    parser.add_argument('--batch-size', type=int, default=4, help='images a run; default %(default)s')
    parser.add_argument('--network', default=str(CONFIG), help='config of the network, whose weights are random')
    parser.add_argument('--amp', choices=InferenceSettings.dtypes, help='half precision in the network')


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Find points in images that lie in memory."""
    if min(args.size) < 32 or args.count < 1:
        raise InputError(
            f'expected a --size of at least 32 px and a --count of at least 1, got {args.size}, {args.count}'
        )
    images = load(args.images, args.batch_size, tuple(args.size))
    finders = {OPENCV.format(name): finder for name, finder in opencv_finders(args.count).items()}
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
    ours = filters(grey, args) | {NETWORK: network(images, args)}
    theirs = {name: lambda finder=finder: [finder(image) for image in grey] for name, finder in finders.items()}
    found = {FILTERS: ours[FILTERS], NETWORK: ours[NETWORK]} | theirs
    points = {BANK: 0.0} | {name: float(np.mean([len(one) for one in run()])) for name, run in found.items()}
    yield Contest(
        f'points, {args.batch_size} images of {args.size[0]}x{args.size[1]}, at most {args.count} each',
        ours,
        theirs,
        items=args.batch_size,
        columns={'points an image': points},
        notes=[
            f'the filter bank alone: {len(sigmas())} scales, the mean over 8 directions, without finding points in it',
            'hybridkp gives covariances with its points; OpenCV computes no descriptors here',
            "the network's weights are random, its work is that of a trained one",
            'OpenCV takes one grey image after another, hybridkp takes them as one batch',
        ],
    )


def load(folder: str, count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """Read images of a folder, again from the first one if there are few, and make them all of one size."""
    found = ImageFolder(folder)
    images = [found.get_data_info(index % len(found))['img'] for index in range(count)]
    return [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]


def sigmas() -> list[float]:
    """Return all sigmas that points between the smallest and the largest one are searched with."""
    step = 2 ** (1 / SCALES[2])
    return geometric_scales(SCALES[0] / step, SCALES[1] * step * (1 + 1e-9), SCALES[2])


def filters(grey: list[np.ndarray], args: argparse.Namespace) -> dict[str, Run]:
    """Return what runs the filters on grey images, and what finds points by them."""
    batch = torch.from_numpy(np.stack(grey)).to(args.device)

    def points() -> list[torch.Tensor]:
        found = detect_blobs(batch.float() / 255, args.count, SCALES, threshold=0.002)
        return [one[strengths != 0] for one, strengths in zip(found.points.cpu(), found.strengths.cpu(), strict=True)]

    return {BANK: lambda: blob_measure(batch.float() / 255, sigmas()), FILTERS: torch.no_grad()(points)}


def network(images: list[np.ndarray], args: argparse.Namespace) -> Callable[[], list[np.ndarray]]:
    """Return what finds points by a network, bytes to the device included."""
    model = build(load_config(args.network, None, None), args.device).eval()
    if not hasattr(model, 'teacher'):
        raise InputError(f'{args.network}: expected a model of interest points, got {type(model).__name__}')
    model.test_cfg = dict(model.test_cfg, max_points=args.count, threshold=0.0)
    InferenceSettings(InferenceSettings.dtypes.get(args.amp, 'float32'), args.amp is not None).apply(model, len(images))
    inputs = [torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))) for image in images]

    @torch.no_grad()
    def points() -> list[np.ndarray]:
        samples = [PoseDataSample() for _ in inputs]
        data = model.data_preprocessor(dict(inputs=list(inputs), data_samples=samples))
        return [sample.pred_instances.keypoints for sample in model(**data, mode='predict')]

    return points


def opencv_finders(count: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what finds the best points (N, 2) of a grey image, N at most `count`, by name."""
    found = {
        'SIFT': best(cv2.SIFT_create(count), count),
        'FAST': best(cv2.FastFeatureDetector_create(10), count),
        'ORB': best(cv2.ORB_create(count), count),
        'Shi-Tomasi': lambda grey: corners(grey, count),
    }
    akaze = getattr(cv2, 'AKAZE_create', None) or getattr(getattr(cv2, 'xfeatures2d', None), 'AKAZE_create', None)
    return found | ({'AKAZE': best(akaze(threshold=1e-4), count)} if akaze else {})


def best(detector: cv2.Feature2D, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return what takes the best points of a detector."""

    def find(grey: np.ndarray) -> np.ndarray:
        found = sorted(detector.detect(grey, None), key=lambda keypoint: -keypoint.response)[:count]
        return np.array([keypoint.pt for keypoint in found]).reshape(-1, 2)

    return find


def corners(grey: np.ndarray, count: int) -> np.ndarray:
    """Find corners of Shi and Tomasi's."""
    found = cv2.goodFeaturesToTrack(grey, count, 1e-4, 4)
    return np.zeros((0, 2)) if found is None else found.reshape(-1, 2)
