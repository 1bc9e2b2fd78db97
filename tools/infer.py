"""Find keypoints in images, folders, videos or a webcam, draw them and write them as JSON."""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
from mmengine.config import DictAction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hybridkp import stack
from hybridkp.datasets.image_listing import SUFFIXES
from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.engine.launch import run_tool
from hybridkp.engine.trained_model import add_scales, with_scales
from hybridkp.errors import InputError
from hybridkp.inference.keypoint_inferencer import WHOLE_IMAGE, KeypointInferencer
from hybridkp.inference.label_file import LabelFile
from hybridkp.inference.media_source import MediaSource
from hybridkp.inference.people_picture import PeoplePicture
from hybridkp.inference.picture_output import PictureOutput
from hybridkp.inference.prediction_file import PredictionFile


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', nargs='+', help='the checkpoint file; the heatmaps of several are averaged')
    parser.add_argument(
        'input', help='an image, a folder with all below it, a glob pattern in quotes, a video, or webcam:0'
    )
    parser.add_argument('--out', default='predictions', help='where pictures or a video go (default %(default)s)')
    parser.add_argument(
        '--json', help='the file of the predictions, in the result format of COCO (default OUT/predictions.json)'
    )
    boxes = parser.add_mutually_exclusive_group()
    boxes.add_argument(
        '--boxes', metavar='FILE.json', help='boxes of people: COCO annotations, detections or predictions of this tool'
    )
    boxes.add_argument(
        '--detector',
        nargs='+',
        action='append',
        metavar=('CONFIG', 'CHECKPOINT'),
        help='behind the input: a network of configs/detector or of MMDetection, or the first of two networks of '
        'landmarks, of which several checkpoints are averaged; of three networks once for each but the last',
    )
    parser.add_argument('--labels', metavar='FILE.json', help='COCO annotations to draw beside the predictions')
    add_drawing_arguments(parser)
    parser.add_argument('--batch-size', type=int, default=8, help='images or boxes at a time (default %(default)s)')
    add_scales(parser)
    parser.add_argument('--device', help='like cpu or cuda:1; by default the first GPU, or the CPU')
    parser.add_argument('--amp', choices=InferenceSettings.dtypes, help='run backbone and neck in half precision')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    args = parser.parse_args(argv)
    args.json = args.json or str(Path(args.out) / 'predictions.json')
    return args


def add_drawing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is drawn."""
    parser.add_argument(
        '--score-threshold',
        type=float,
        default=0.25,
        help='leave out people whose box has a lower score, from the file as well (default %(default)s)',
    )
    parser.add_argument(
        '--keypoint-threshold',
        type=float,
        default=0.2,
        help='do not draw keypoints with a lower score (default %(default)s)',
    )
    parser.add_argument('--no-ellipses', action='store_true', help='draw no covariances')
    parser.add_argument('--no-pictures', action='store_true', help='write the predictions alone')
    parser.add_argument('--show', action='store_true', help='show the pictures in a window, until q is pressed')


def check(args: argparse.Namespace, source: MediaSource) -> None:
    """Refuse options that do not go together, and images in the place of checkpoints."""
    if images := [
        path
        for path in [*args.checkpoint, *chain.from_iterable(args.detector or [])]
        if path.lower().endswith(SUFFIXES)
    ]:
        raise InputError(f'{images[0]}: expected a checkpoint; several images are a folder or a pattern in quotes')
    inside = os.path.isdir(args.input) and Path(args.out).resolve().is_relative_to(Path(args.input).resolve())
    if inside and not args.no_pictures:
        raise InputError(f'--out {args.out}: expected a folder outside of that of the images, {args.input}')
    if args.labels and source.has_videos:
        raise InputError(f'--labels {args.labels}: expected images to have labels, got the video {args.input}')
    for read in filter(None, (args.boxes, args.labels)):
        if Path(read).resolve() == Path(args.json).resolve():
            raise InputError(f'{args.json}: expected another --out or --json, got the file that is read')
    for name in ('score_threshold', 'keypoint_threshold'):
        if not np.isfinite(getattr(args, name)):
            raise InputError(f'--{name.replace("_", "-")}: expected a number, got {getattr(args, name)}')


def say_boxes(inferencer: KeypointInferencer, source: MediaSource) -> None:
    """Say where boxes are from if that may be a surprise.

    Raises:
        InputError: if a file has boxes of none of the images.
    """
    if inferencer.boxes:
        files = set(source.files)
        named = sum(path in inferencer.boxes for path in files)
        if not named:
            raise InputError(
                f'{inferencer.boxes.path}: expected boxes of {source.parts[0]}, got none: none of its names fits'
            )
        if named < len(files):
            print(f'{inferencer.boxes.path} names {named} of {len(files)} images; nobody is looked for in the others')
    elif inferencer.predictor.needs_boxes and not inferencer.detector:
        print('no --boxes and no --detector: the whole image is taken for the box of one person')


@contextmanager
def progress(total: int | None) -> Iterator[Progress]:
    """Show a bar on standard error, where that is a terminal; it has one task."""
    console = Console(stderr=True)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TextColumn('eta'), TimeRemainingColumn(), console=console, disable=not console.is_terminal)
    with bar:
        bar.add_task('images', total=total)
        yield bar


def picture_output(args: argparse.Namespace, inferencer: KeypointInferencer, source: MediaSource) -> PictureOutput:
    """Build what draws."""
    predictor = inferencer.predictor
    whole = not predictor.needs_boxes and not predictor.single_stage
    picture = PeoplePicture(
        predictor.meta,
        predictor.single_stage,
        args.keypoint_threshold,
        covariances=not args.no_ellipses,
        framed=inferencer.boxes_from != WHOLE_IMAGE,
        enlarge=not source.has_videos,
    )
    folder = None if args.no_pictures else args.out
    return PictureOutput(folder, source, picture, load_labels(args, inferencer, source), whole, args.show)


def load_labels(args: argparse.Namespace, inferencer: KeypointInferencer, source: MediaSource) -> LabelFile | None:
    """Read the labels, if there are any.

    Raises:
        InputError: if they are of none of the images.
    """
    if not args.labels:
        return None
    labels = LabelFile(args.labels, inferencer.dataset_meta)
    if all(labels.image_id(path) is None for path in source.files):
        raise InputError(f'{args.labels}: expected labels of {source.parts[0]}, got none: none of its names fits')
    return labels


def run(
    args: argparse.Namespace, inferencer: KeypointInferencer, source: MediaSource, inference: dict
) -> tuple[list[int], list[str]]:
    """Predict, draw and write; gives the numbers of people in the images and what is wrong with those left out."""
    output = picture_output(args, inferencer, source)
    file = PredictionFile(args.json, inferencer, source, output.labels)
    counts, skipped = [], []
    with progress(source.count()) as bar:
        try:
            for frame, image, people in inferencer.predict(source, skipped=skipped):
                entries = file.add(frame, people)
                counts.append(len(people))
                bar.update(bar.task_ids[0], completed=len(counts) + len(skipped))
                if not output.add(frame, image, people, entries):
                    break
        except KeyboardInterrupt:
            print('stopped')
        finally:
            output.close()
            if counts:
                file.write(inference)
    return counts, skipped + output.wrong


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    source = MediaSource(args.input)
    check(args, source)
    checkpoint = args.checkpoint if len(args.checkpoint) > 1 else args.checkpoint[0]
    inferencer = KeypointInferencer(
        args.config,
        checkpoint,
        args.device,
        args.boxes,
        args.detector,
        args.score_threshold,
        args.batch_size,
        with_scales(args.cfg_options, args.scales),
    )
    settings = InferenceSettings(InferenceSettings.dtypes.get(args.amp, 'float32'))
    settings.apply(inferencer.predictor.model, args.batch_size)
    say_boxes(inferencer, source)
    start = time.perf_counter()
    counts, skipped = run(args, inferencer, source, settings.as_dict())
    seconds = time.perf_counter() - start
    if not counts and len(skipped) == 1:
        raise InputError(skipped[0])
    if skipped:
        print(f'skipped {len(skipped)}:', *skipped, sep='\n  ')
    if not counts:
        raise InputError(f'{args.input}: expected at least one image that can be read, got none')
    print(f'{len(counts)} images, {sum(counts)} instances, {seconds:.1f} s, {len(counts) / seconds:.1f} images/s')
    print(args.json if args.no_pictures else f'pictures in {args.out}, predictions in {args.json}')


if __name__ == '__main__':
    run_tool(main)
