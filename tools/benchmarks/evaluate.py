"""COCO evaluation: from predictions in memory to AP, beside mmpose's."""

import argparse
import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.contest import Contest
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.datasets.skeleton import skeleton_metainfo

ROOT = Path(__file__).parents[2]
OURS, THEIRS = "hybridkp's CocoAveragePrecision", "mmpose's CocoMetric"
PEOPLE, WITH_PEOPLE, DETECTIONS = 11004 / 5000, 2693 / 5000, 104125 / 5000
"""Of an image of val2017 in the mean; the detections are those that top-down models are measured with."""
WITHOUT_KEYPOINTS, CROWDS, PHANTOMS = 0.42, 0.02, 6
POSE = np.array(
    [[50, 8], [53, 6], [47, 6], [58, 8], [42, 8], [68, 22], [32, 22], [76, 38], [24, 38], [80, 52], [20, 52],
     [62, 54], [38, 54], [64, 75], [36, 75], [65, 96], [35, 96]]
) / 100  # fmt: skip
"""Where the keypoints are in a person's box."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--samples', type=int, default=5000, help='images; default %(default)s, as in val2017')
    parser.set_defaults(repeats=3, threads=1)


def contests(args: argparse.Namespace) -> Iterator[Contest]:
    """Evaluate generated detections as many as those of val2017; the numbers have to be equal."""
    metainfo = skeleton_metainfo(Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton)
    records, samples = generated(args.samples, metainfo['sigmas'])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'people.json')
        path.write_text(json.dumps(records))
        ours = metric('CocoAveragePrecision', str(path), metainfo)
        theirs = metric('CocoMetric', str(path), metainfo)
        measured = {}
        yield Contest(
            f'evaluate {len(samples)} detections, {len(records["annotations"])} people, {args.samples} images',
            ours={OURS: lambda: measured.update({OURS: evaluate(ours, samples)})},
            theirs={THEIRS: lambda: measured.update({THEIRS: evaluate(theirs, samples)})},
            notes=[
                'a run scores the detections, suppresses those that are alike, and evaluates what is left',
                'mmpose writes them to a file of JSON, which xtcocotools reads',
            ],
            conclude=lambda contest: equal(measured),
        )


def equal(measured: dict[str, dict]) -> dict[str, float]:
    """Return the AP after checking that both sides measured the same."""
    if measured[OURS] != measured[THEIRS]:
        raise RuntimeError(f'expected equal numbers, got {measured}')
    return {'AP of both; all ten numbers are equal in every digit': measured[OURS]['coco/AP']}


def metric(name: str, path: str, metainfo: dict) -> BaseMetric:
    with contextlib.redirect_stdout(io.StringIO()):
        built = METRICS.build(dict(type=name, ann_file=path))
    built.dataset_meta = metainfo
    return built


def evaluate(measure: BaseMetric, samples: list[dict]) -> dict[str, float]:
    """Let a metric see all samples and return its numbers."""
    MMLogger.get_current_instance()  # which keeps the output that it finds first
    logging.disable()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            measure.process({}, samples)
            return {name: float(value) for name, value in measure.evaluate(len(samples)).items()}
    finally:
        logging.disable(logging.NOTSET)


def generated(images: int, sigmas: np.ndarray, seed: int = 0) -> tuple[dict, list[dict]]:
    """Make annotations of people, and samples: detections of them and of what only looks like a person."""
    generator = np.random.default_rng(seed)
    crowded = generator.permutation(images)[: max(1, round(WITH_PEOPLE * images))]
    more = generator.choice(crowded, max(0, round(PEOPLE * images) - len(crowded)), p=odds(len(crowded), generator))
    of_image = np.concatenate((crowded, more))
    anchors = np.concatenate((of_image, np.repeat(np.arange(images), PHANTOMS)))
    width = np.exp(generator.normal(4, 0.9, len(anchors))).clip(8, 600)
    corners, sizes = generator.uniform(0, (500, 350), (len(anchors), 2)), np.stack((width, 2.2 * width), axis=1)
    poses = corners[:, None] + (POSE + generator.normal(0, 0.05, (len(anchors), 17, 2))) * sizes[:, None]
    boxes = np.concatenate((corners, sizes), axis=1)
    records = dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=640, height=480) for i in range(images)],
        annotations=[person(i, int(of_image[i]), boxes[i], poses[i], generator) for i in range(len(of_image))],
        categories=[dict(id=1, name='person')],
    )
    others = round(DETECTIONS * images) - len(of_image)
    others = generator.choice(len(anchors), others, p=odds(len(anchors), generator))
    found = np.concatenate((np.arange(len(of_image)), others))
    scores = np.where(found < len(of_image), generator.beta(4, 2, len(found)), generator.beta(1, 6, len(found)))
    noise = (
        generator.choice([0.2, 0.8, 2.5], len(found))[:, None] * 2 * np.sqrt(0.6 * sizes[found].prod(axis=1))[:, None]
    )
    shifts = (noise * sigmas)[..., None] * generator.normal(size=(len(found), 17, 2))
    keypoint_scores = generator.beta(3, 2, (len(found), 17))
    values = zip(anchors[found], poses[found] + shifts, keypoint_scores, boxes[found], scores, strict=True)
    return records, [detection(i, *one) for i, one in enumerate(values)]


def odds(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return how likely each is to be taken: some are much more than others."""
    weights = generator.gamma(1, size=count)
    return weights / weights.sum()


def person(number: int, image: int, box: np.ndarray, pose: np.ndarray, generator: np.random.Generator) -> dict:
    """Make an annotation of a box (x, y, w, h) and keypoints (17, 2), some or all of which are not labelled."""
    labelled = (generator.random(17) < 0.7) & (generator.random() > WITHOUT_KEYPOINTS)
    triples = np.concatenate((pose.round(), np.where(labelled, 2, 0)[:, None]), axis=1) * labelled[:, None]
    return dict(
        id=number + 1,
        image_id=image,
        category_id=1,
        bbox=box.round(2).tolist(),
        area=float(0.6 * box[2] * box[3]),
        iscrowd=int(generator.random() < CROWDS),
        num_keypoints=int(labelled.sum()),
        keypoints=triples.astype(int).ravel().tolist(),
    )


def detection(
    number: int, image: int, points: np.ndarray, keypoint_scores: np.ndarray, box: np.ndarray, score: float
) -> dict:
    """Make a sample as a top-down estimator gives it, of a box (x, y, w, h)."""
    arrays = dict(
        keypoints=points,
        keypoint_scores=keypoint_scores,
        bboxes=np.append(box[:2], box[:2] + box[2:]),
        bbox_scores=score,
    )
    pred = {key: np.asarray(values, dtype=np.float32)[None] for key, values in arrays.items()}
    gt = dict(bbox_scales=1.25 * np.float32(box[None, 2:]), bbox_scores=pred['bbox_scores'])
    return dict(id=number, img_id=int(image), category_id=1, pred_instances=pred, gt_instances=gt)
