"""COCO AP, as our configs measure it, ours and mmpose's: by hand, on the ground truth, and against pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, METRICS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

ROOT = Path(__file__).parents[2]
MEASURES = ['AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)']
SETS = {
    'coco': ('configs/body/hybridnet_s_coco_256x192.py', 'tests/data/coco/annotations/person_keypoints_val2017.json'),
    'mouse': ('configs/animal/hybridnet_s_mirror_mouse_256x256.py', 'tests/data/mirror_mouse/train.json'),
}


@pytest.fixture(params=SETS)
def task(request, mmpose_scope):
    """A config, its metric and its dataset, both on bundled annotations."""
    return load(request.param)


@pytest.fixture
def coco(mmpose_scope):
    return load('coco')


def load(name):
    config, ann_file = (str(ROOT / path) for path in SETS[name])
    cfg = Config.fromfile(config)
    dataset = DATASETS.build(dict(type='CocoKeypoints', ann_file=ann_file, skeleton=cfg.skeleton, test_mode=True))
    return build_metric(cfg, ann_file, dataset.metainfo), dataset, ann_file


def build_metric(cfg, ann_file, metainfo, **more):
    evaluators = cfg.val_evaluator if isinstance(cfg.val_evaluator, list) else [cfg.val_evaluator]
    (settings,) = (one for one in evaluators if one.type in ('CocoAveragePrecision', 'CocoMetric'))
    metric = METRICS.build(settings | dict(ann_file=ann_file) | more)
    metric.dataset_meta = metainfo
    return metric


def prediction(record, keypoints, scores, bbox_score=1.0):
    """Make the sample that an estimator gives for keypoints (K, 2) and scores (K,) in the box of a record."""
    box = record['bbox']
    pred = dict(
        keypoints=keypoints[None].astype(np.float32),
        keypoint_scores=scores[None].astype(np.float32),
        bboxes=box,
        bbox_scores=np.array([bbox_score], dtype=np.float32),
    )
    gt = dict(bbox_scales=1.25 * (box[:, 2:] - box[:, :2]), bbox_scores=pred['bbox_scores'])
    return dict(id=record['id'], img_id=record['img_id'], category_id=1, pred_instances=pred, gt_instances=gt)


def measure(metric, samples):
    metric.process({}, samples)
    metrics = metric.evaluate(len(samples))
    return [metrics[f'coco/{name}'] for name in MEASURES]


def fill(record, generator):
    """Give a record's keypoints, those that are not labelled somewhere in the box."""
    points, (x, y, right, bottom) = record['keypoints'][0].copy(), record['bbox'][0]
    missing = record['keypoints_visible'][0] == 0
    points[missing] = generator.uniform((x, y), (right, bottom), points.shape)[missing]
    return points


def test_ground_truth_has_an_ap_of_one(task):
    metric, dataset, _ = task
    generator = np.random.default_rng(0)
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert len(records) in (55, 72)
    samples = [prediction(record, fill(record, generator), np.ones(17)) for record in records]
    metrics = dict(zip(MEASURES, measure(metric, samples), strict=True))
    # -1 where the set has nobody of that size
    assert metrics == pytest.approx({name: 1.0 if metrics[name] >= 0 else -1 for name in MEASURES})
    assert metrics['AP'] == 1 and metrics['AP (L)'] == 1


def test_example_on_paper(tmp_path, mmpose_scope):
    """Two people of one keypoint each, and three predictions.

    A person of area 2500 px^2 and sigma 0.1: OKS = exp(-d^2 / (2 * area * (2 * sigma)^2)) = exp(-d^2 / 200).

        score 0.90  on person A                        OKS 1                  right at all ten thresholds
        score 0.85  far away in A's image              OKS 0                  wrong
        score 0.80  d = 8 px beside person B           OKS exp(-0.32) = 0.726 right at 0.50, 0.55, ... 0.70 (five)

    At those five: recall 1/2, 1/2, 1 and precision 1, 1/2, 2/3. Of the 101 recalls 0, 0.01, ... 1, the 51 up to 1/2
    have the precision 1 and the other 50 have 2/3: AP = (51 + 50 * 2/3) / 101 = 0.834983. The recall ends at 1.
    At the other five: only A is found, 51 recalls with precision 1 and 50 with 0: AP = 51 / 101 = 0.504950. The
    recall ends at 1/2.

    AP = (0.834983 + 0.504950) / 2 = 0.669967, AR = (1 + 1/2) / 2 = 0.75. All are medium (32^2 to 96^2), none large.
    """
    at_low, at_high = (51 + 50 * 2 / 3) / 101, 51 / 101
    mean = (at_low + at_high) / 2
    expected = [mean, at_low, at_high, mean, -1, 0.75, 1, 0.5, 0.75, -1]

    people = [
        dict(id=i, image_id=i, category_id=1, bbox=[100, 100, 50, 50], area=2500, iscrowd=0, num_keypoints=1,
             keypoints=[120, 130, 2])
        for i in (1, 2)
    ]  # fmt: skip
    images = [dict(id=i, file_name=f'{i}.jpg', width=640, height=480) for i in (1, 2)]
    category = dict(id=1, name='person', keypoints=['nose'])
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(images=images, annotations=people, categories=[category])))
    skeleton = dict(name='one', keypoints=['nose'], flip_pairs=[], links=[], sigmas=[0.1])
    dataset = DATASETS.build(dict(type='CocoKeypoints', ann_file=str(path), skeleton=skeleton, test_mode=True))
    metric = build_metric(Config.fromfile(ROOT / SETS['coco'][0]), str(path), dataset.metainfo)

    first, second = dataset.get_data_info(0), dataset.get_data_info(1)
    other = first | dict(id=3, bbox=first['bbox'] + 250)
    one = np.ones(1)
    samples = [
        prediction(first, np.array([[120.0, 130.0]]), one, 0.9),
        prediction(other, np.array([[370.0, 380.0]]), one, 0.85),
        prediction(second, np.array([[128.0, 130.0]]), one, 0.8),
    ]
    assert measure(metric, samples) == pytest.approx(expected, abs=1e-12)


def noisy(dataset, seed):
    """Give samples with noise of a few per cent of the box and random scores, and the same as pycocotools reads it."""
    generator = np.random.default_rng(seed)
    samples, entries = [], []
    for i in range(len(dataset)):
        record = dataset.get_data_info(i)
        noise = generator.choice([0.005, 0.03, 0.08]) * np.sqrt(np.prod(record['bbox'][0, 2:] - record['bbox'][0, :2]))
        points = fill(record, generator) + generator.normal(0, noise, (17, 2))
        sample = prediction(record, points, generator.uniform(0, 1, 17), generator.uniform(0.3, 1))
        pred, corners = sample['pred_instances'], record['bbox'][0].astype(float)
        scores = pred['keypoint_scores'][0]
        entries.append(
            dict(
                image_id=record['img_id'],
                category_id=1,
                keypoints=np.column_stack((pred['keypoints'][0], scores)).ravel().tolist(),
                bbox=[*corners[:2], *(corners[2:] - corners[:2])],
                score=float(pred['bbox_scores'][0]) * float(scores[scores > 0.2].mean()),
            )
        )
        samples.append(sample)
    return samples, entries


def by_pycocotools(ann_file, entries, sigmas):
    truth = COCO(ann_file)
    evaluation = COCOeval(truth, truth.loadRes(entries), 'keypoints')
    evaluation.params.kpt_oks_sigmas = np.asarray(sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats.tolist()


@pytest.mark.parametrize('seed', range(3))
def test_same_numbers_as_pycocotools(task, seed):
    metric, dataset, ann_file = task
    samples, entries = noisy(dataset, seed)
    ours = measure(metric, samples)
    assert ours == pytest.approx(by_pycocotools(ann_file, entries, dataset.metainfo['sigmas']), abs=1e-12)
    assert 0.05 < ours[0] < 0.95 and len(set(ours)) > 5


def test_sigmas_are_those_of_the_skeleton(coco):
    metric, dataset, ann_file = coco
    default = COCOeval(iouType='keypoints').params.kpt_oks_sigmas
    np.testing.assert_allclose(dataset.metainfo['sigmas'], default, rtol=1e-6)
    samples, entries = noisy(dataset, 0)
    assert measure(metric, samples) == pytest.approx(by_pycocotools(ann_file, entries, default), abs=1e-12)


def test_a_person_found_twice_counts_once(coco):
    metric, dataset, _ = coco
    samples, _ = noisy(dataset, 0)
    once = measure(metric, samples)
    twice = load('coco')[0]
    doubles = [sample | dict(id=sample['id'] + 10**9) for sample in samples]
    for double in doubles:
        double['pred_instances'] = double['pred_instances'] | dict(bbox_scores=np.array([0.01], dtype=np.float32))
    assert measure(twice, samples + doubles) == pytest.approx(once)
