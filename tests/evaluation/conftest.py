"""What the tests of the COCO evaluation share."""

import contextlib
import importlib
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS, METRICS

import hybridkp.plugin  # noqa: F401
from hybridkp.evaluation.coco_accumulation import MEASURES

ROOT = Path(__file__).parents[2]
ANN_FILE = ROOT / 'tests/data/coco/annotations/person_keypoints_val2017.json'
SKELETON = Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton
SIDES = [10, 32, 50, 96, 200]


@pytest.fixture(scope='session')
def bundled():
    """The dataset of the bundled images."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build(dict(type='CocoKeypoints', ann_file=str(ANN_FILE), skeleton=SKELETON, test_mode=True))


@pytest.fixture(scope='session')
def coco_eval():
    """What makes metrics, samples and cases, and the numbers of the reference."""
    functions = build, measure, sample, entries, by, perturbed, case
    return SimpleNamespace(ann_file=ANN_FILE, **{function.__name__: function for function in functions})


def build(path, given, name='CocoAveragePrecision', **more):
    with DefaultScope.overwrite_default_scope('mmpose'), contextlib.redirect_stdout(io.StringIO()):
        metric = METRICS.build(dict(type=name, ann_file=None if path is None else str(path), **more))
    if given is not None and path is not None:
        metric.dataset_meta = dict(sigmas=given, num_keypoints=len(given))
    return metric


def measure(metric, samples, batch=7):
    MMLogger.get_current_instance()  # it keeps the output that it finds first
    with contextlib.redirect_stdout(io.StringIO()):
        for start in range(0, len(samples), batch):
            metric.process({}, samples[start : start + batch])
        return metric.evaluate(len(samples))


def sample(number, image, points, scores, box, box_score=1.0, category=1, kind=np.float32):
    """Make what an estimator gives for keypoints (K, 2) with scores (K,) in a box (x, y, w, h)."""
    box = np.asarray(box, dtype=float)
    corners = np.append(box[:2], box[:2] + box[2:])
    arrays = dict(keypoints=points, keypoint_scores=scores, bboxes=corners, bbox_scores=box_score)
    pred = {key: np.asarray(values, dtype=kind)[None] for key, values in arrays.items()}
    gt = dict(bbox_scales=1.25 * (pred['bboxes'][:, 2:] - pred['bboxes'][:, :2]), bbox_scores=pred['bbox_scores'])
    return dict(id=number, img_id=image, category_id=category, pred_instances=pred, gt_instances=gt)


def entries(samples):
    """Give samples as COCO's results, scored but not suppressed."""
    results = []
    for one in samples:
        pred = one['pred_instances']
        scores, corners = pred['keypoint_scores'][0], pred['bboxes'][0]
        mean = scores.dtype.type(0)
        for score in scores[scores > 0.2]:
            mean += score
        mean /= max(1, (scores > 0.2).sum().astype(scores.dtype))
        results.append(
            dict(
                image_id=one['img_id'],
                category_id=one['category_id'],
                keypoints=np.concatenate((pred['keypoints'][0], scores[:, None]), axis=1).ravel().tolist(),
                bbox=[*corners[:2].tolist(), *(corners[2:] - corners[:2]).tolist()],
                score=float(pred['bbox_scores'][0] * mean),
            )
        )
    return results


def by(tools, records, results, sigmas):
    """Give what pycocotools or xtcocotools measures."""
    coco = importlib.import_module(f'{tools}.coco').COCO
    cocoeval = importlib.import_module(f'{tools}.cocoeval').COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = coco(), coco()
        truth.dataset = json.loads(json.dumps(records))
        truth.createIndex()
        if results:
            found = truth.loadRes(json.loads(json.dumps(results)))
        evaluation = cocoeval(truth, found, 'keypoints', *([sigmas] if tools == 'xtcocotools' else []))
        evaluation.params.kpt_oks_sigmas = sigmas
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip((f'coco/{name}' for name in MEASURES), evaluation.stats.tolist(), strict=True))


def perturbed(bundled, seed, kind=np.float32):
    """Give noisy detections of the bundled people, several of some, with scores that are often equal."""
    generator, samples = np.random.default_rng(seed), []
    for index in generator.integers(0, len(bundled), 3 * len(bundled)):
        record = bundled.get_data_info(int(index))
        x, y, right, bottom = record['bbox'][0].astype(float)
        known = record['keypoints_visible'][0] > 0
        points = np.where(known[:, None], record['keypoints'][0], generator.uniform((x, y), (right, bottom), (17, 2)))
        points = points + generator.normal(0, generator.choice([0, 0.01, 0.04]), (17, 2)) * np.hypot(
            right - x, bottom - y
        )
        scores = generator.uniform(0, 1, 17).round(generator.choice([1, 6]))
        box, box_score = (x, y, right - x, bottom - y), generator.choice([0.3, 0.7, 1])
        samples.append(sample(len(samples), record['img_id'], points, scores, box, box_score, kind=kind))
        samples[-1] |= dict(raw_ann_info=record['raw_ann_info'], ori_shape=record['ann_size'])
    return samples


def person(number, image, side, generator, joints, crowd=False, unlabelled=False, category=1):
    x, y = generator.integers(0, 300, 2).tolist()
    visible = np.zeros(joints, dtype=int) if unlabelled else generator.integers(0, 3, joints)
    points = generator.integers((x, y), (x + side, y + side), (joints, 2)) * (visible[:, None] > 0)
    return dict(
        id=number,
        image_id=image,
        category_id=category,
        bbox=[x, y, side, side + 0.25],
        area=side * side,
        iscrowd=int(crowd),
        num_keypoints=int((visible > 0).sum()),
        keypoints=np.concatenate((points, visible[:, None]), axis=1).ravel().tolist(),
    )


def case(seed, images=3, most_people=4, most_found=8, joints=3, categories=1, zeros=True):
    """Make annotations and samples: people in one place, crowds, equal scores, keypoints that are exactly right."""
    generator = np.random.default_rng(seed)
    annotations, samples = [], []
    for image in generator.permutation(100)[:images].tolist():
        for _ in range(generator.integers(0, most_people + 1)):
            side, (crowd, unlabelled) = int(generator.choice(SIDES)), generator.random(2) < 0.25
            category = int(generator.integers(1, categories + 1))
            annotations.append(
                person(len(annotations) + 1, image, side, generator, joints, crowd, unlabelled, category)
            )
            if generator.random() < 0.2:  # a twin
                annotations.append(dict(annotations[-1], id=len(annotations) + 1))
        here = [one for one in annotations if one['image_id'] == image]
        for _ in range(generator.integers(0, most_found + 1)):
            near = (
                generator.choice(here) if here and generator.random() < 0.8 else person(0, image, 40, generator, joints)
            )
            noise = generator.choice([0, 0.05, 0.3]) * near['bbox'][2] * generator.normal(size=(joints, 2))
            points, side = np.reshape(near['keypoints'], (joints, 3))[:, :2] + noise, generator.choice(SIDES)
            samples.append(
                sample(
                    7919 * len(samples) % 10007,
                    image,
                    points,
                    generator.choice([0, 0.2, 0.5, 1] if zeros else [0.1, 0.5, 1], joints),
                    (*near['bbox'][:2], side, side),
                    generator.choice([0, 0.5, 1, generator.random()]),
                    int(generator.integers(1, categories + 1)),
                )
            )
    records = dict(
        images=[dict(id=i) for i in range(100) if i % 3 == 0 or i in {a['image_id'] for a in annotations}],
        annotations=annotations,
        categories=[dict(id=i) for i in range(1, categories + 1)],
    )
    records['images'] += [dict(id=i) for i in {s['img_id'] for s in samples} - {i['id'] for i in records['images']}]
    return records, samples
