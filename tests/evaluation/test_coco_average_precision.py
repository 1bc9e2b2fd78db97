"""The metric: what goes in, what comes out, and intervals that make sense; its numbers are test_coco_reference.py's."""

import json
import math

import numpy as np
import pytest
import torch
from mmengine.dist import collect_results
from mmengine.logging import MMLogger

from hybridkp.errors import InputError
from hybridkp.evaluation.coco_average_precision import CocoAveragePrecision


@pytest.fixture
def evaluate(coco_eval, bundled):
    """Evaluate samples on the bundled people with a metric of some settings."""

    def run(samples, name='CocoAveragePrecision', **settings):
        return coco_eval.measure(
            coco_eval.build(coco_eval.ann_file, bundled.metainfo['sigmas'], name, **settings), samples
        )

    return run


@pytest.fixture
def perturbed(coco_eval, bundled):
    """Detections of the bundled people."""
    return coco_eval.perturbed(bundled, 0)


@pytest.fixture
def alone(coco_eval, tmp_path):
    """Evaluate detections of one person with one keypoint."""
    person = dict(id=1, image_id=1, category_id=1, bbox=[75, 75, 50, 50], area=2500, iscrowd=0, keypoints=[100, 100, 2])
    records = dict(images=[dict(id=1)], annotations=[person], categories=[dict(id=1)])
    (tmp_path / 'a.json').write_text(json.dumps(records))

    def run(samples, name='CocoAveragePrecision', **settings):
        return coco_eval.measure(coco_eval.build(tmp_path / 'a.json', np.array([0.1]), name, **settings), samples)

    return run


@pytest.mark.parametrize('key', ['keypoints', 'keypoint_scores', 'bboxes', 'bbox_scores'])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_refused(coco_eval, alone, key, value):
    wrong = coco_eval.sample(17, 1, [[100, 100]], [1], (0, 0, 50, 50))
    wrong['pred_instances'][key] = np.full_like(wrong['pred_instances'][key], value)
    with pytest.raises(InputError, match=rf'a\.json: image 1, sample 17: expected finite predictions, got {key} that'):
        alone([wrong])


def test_mmpose_takes_a_keypoint_that_is_nan_for_right(coco_eval, alone):
    wrong = coco_eval.sample(17, 1, [[math.nan, math.nan]], [1], (0, 0, 50, 50))
    assert alone([wrong], 'CocoMetric')['coco/AP'] == pytest.approx(1)


def test_what_has_no_keypoint_score_above_zero_is_left_out(coco_eval, alone):
    places = [(300, 0), (100, 1)]  # and scores; their boxes have equal ones
    samples = [coco_eval.sample(i, 1, [[x, x]], [score], (0, 0, 50, 50)) for i, (x, score) in enumerate(places)]
    metrics = alone(samples, score_mode='bbox')
    assert metrics == alone(samples, 'CocoMetric', score_mode='bbox')
    assert metrics['coco/AP'] == pytest.approx(1)


@pytest.mark.parametrize('threshold', [0.9, None])
def test_a_sample_that_comes_twice_counts_once(evaluate, perturbed, threshold):
    """As of two processes of a distributed evaluation, which pad their parts, in the order in which they come."""
    expected = evaluate(perturbed, nms_threshold=threshold)
    both = np.random.default_rng(0).permutation(2 * len(perturbed)) % len(perturbed)
    assert evaluate([perturbed[i] for i in both], nms_threshold=threshold) == expected


def test_a_sample_is_a_result(coco_eval, bundled, perturbed):
    metric = coco_eval.build(coco_eval.ann_file, bundled.metainfo['sigmas'])
    metric.process({}, perturbed)
    assert len(collect_results(metric.results, len(perturbed), 'cpu')) == len(metric.results) == len(perturbed)


def test_several_people_in_a_sample(evaluate, perturbed):
    """A sample an image, as of bottom-up estimators, with the ids of its people, is the same as a sample a person."""
    together = []
    for image in {one['img_id'] for one in perturbed}:
        here = [one for one in perturbed if one['img_id'] == image]
        keys = ('pred_instances', 'gt_instances')
        merged = {key: {k: np.concatenate([one[key][k] for one in here]) for k in here[0][key]} for key in keys}
        together.append(dict(id=[one['id'] for one in here], img_id=image, **merged))
    expected = evaluate(perturbed)
    assert evaluate(together) == evaluate(together, 'CocoMetric') == expected
    assert evaluate(together + together[:3]) == expected


@pytest.mark.parametrize('ids', [[0], [2], [4, 9]])
def test_categories_of_any_number(evaluate, coco_eval, bundled, perturbed, ids, tmp_path):
    """A detector says classes, which are the file's categories in the order of their numbers."""
    expected, records = evaluate(perturbed), json.loads(coco_eval.ann_file.read_text())
    records['categories'] = [dict(id=number) for number in ids]
    for annotation in records['annotations']:
        annotation['category_id'] = ids[-1]
    (tmp_path / 'a.json').write_text(json.dumps(records))
    for one in perturbed:
        one['category_id'] = 1
        one['pred_instances']['labels'] = np.array([len(ids) - 1])
    metric = coco_eval.build(tmp_path / 'a.json', bundled.metainfo['sigmas'])
    metric.dataset_meta = dict(metric.dataset_meta, category_ids=ids)
    assert coco_eval.measure(metric, perturbed) == expected


def test_boxes_and_scores_that_are_not_there(evaluate, perturbed):
    for one in perturbed:
        del one['pred_instances']['bboxes'], one['pred_instances']['bbox_scores'], one['gt_instances']['bbox_scales']
    with_scores = evaluate(perturbed)
    assert with_scores == evaluate(perturbed, 'CocoMetric')
    for one in perturbed:
        del one['gt_instances']['bbox_scores']
    assert with_scores != evaluate(perturbed) == evaluate(perturbed, 'CocoMetric')


def test_tensors_are_read(evaluate, perturbed):
    expected = evaluate(perturbed)
    for one in perturbed:
        one['pred_instances'] = {key: torch.from_numpy(value) for key, value in one['pred_instances'].items()}
    assert evaluate(perturbed) == expected


def test_annotations_of_the_samples(coco_eval, bundled, perturbed):
    once = {one['raw_ann_info']['id']: one for one in perturbed}  # mmpose counts an annotation that comes twice twice
    metrics = []
    for name in ('CocoAveragePrecision', 'CocoMetric'):
        metric = coco_eval.build(None, bundled.metainfo['sigmas'], name)
        metric.dataset_meta = bundled.metainfo
        metrics.append(coco_eval.measure(metric, list(once.values())))
    assert metrics[0] == metrics[1] and 0 < metrics[0]['coco/AP'] < 1


def test_settings_of_sigmas_go_before_those_of_the_dataset(evaluate, perturbed):
    assert evaluate(perturbed, sigmas=[0.5] * 17)['coco/AP'] > evaluate(perturbed)['coco/AP']


def test_intervals_contain_the_value_and_are_the_same_every_time(evaluate, perturbed):
    plain = evaluate(perturbed)
    metrics = evaluate(perturbed, bootstrap=100)
    assert metrics == evaluate(perturbed[::-1], bootstrap=100)
    assert set(metrics) == set(plain) | {f'{name}_{end}' for name in plain for end in ('low', 'high')}
    for name, value in plain.items():
        assert 0 <= metrics[f'{name}_low'] < metrics[name] == value < metrics[f'{name}_high'] <= 1


def test_intervals_of_one_image_are_unknown(alone):
    metrics = alone([], bootstrap=5)
    assert math.isnan(metrics['coco/AP_low']) and math.isnan(metrics['coco/AR (L)_high']) and metrics['coco/AP'] == 0


def test_reference_has_our_intervals_and_table(evaluate, perturbed):
    metrics = evaluate(perturbed, bootstrap=10, table=True)
    assert evaluate(perturbed, bootstrap=10, table=True, reference=True) == metrics


def test_table_by_keypoint(coco_eval, bundled, perturbed, monkeypatch):
    lines = []
    monkeypatch.setattr(MMLogger, 'info', lambda self, text, *rest: lines.append(text))
    metric = coco_eval.build(coco_eval.ann_file, None, table=True)
    metric.dataset_meta = bundled.metainfo
    coco_eval.measure(metric, perturbed)
    (table,) = (line for line in lines if 'similarity' in line)
    rows = [line.split() for line in table.split('\n')[2:]]
    assert [row[0] for row in rows] == [*bundled.metainfo['keypoint_name2id'], 'all']
    assert sum(int(row[-1]) for row in rows[:-1]) == int(rows[-1][-1]) > 100
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row[1:6])
    assert all(0.5 < float(row[4]) for row in rows)
    plain = coco_eval.measure(coco_eval.build(coco_eval.ann_file, bundled.metainfo['sigmas']), perturbed)
    assert rows[-1][1:4] == [f'{plain[f"coco/{name}"]:.3f}' for name in ('AP', 'AP .5', 'AP .75')]


@pytest.mark.parametrize('wrong', [dict(score_mode='box'), dict(max_detections=0), dict(bootstrap=-1)])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match='CocoAveragePrecision: expected'):
        CocoAveragePrecision(**wrong)


def test_numbers_of_keypoints_are_compared(coco_eval, evaluate, perturbed):
    with pytest.raises(InputError, match=r'val2017\.json: expected 3 keypoints, as there are sigmas, got 17'):
        evaluate(perturbed, sigmas=[0.1] * 3)
    short = coco_eval.sample(4, perturbed[0]['img_id'], np.zeros((3, 2)), np.ones(3), (0, 0, 1, 1))
    with pytest.raises(InputError, match=r'sample 4: expected predictions of 17 keypoints \(x, y\)'):
        evaluate([short])


def test_unknown_image_is_named(coco_eval, evaluate):
    stray = coco_eval.sample(4, 999, np.zeros((17, 2)), np.ones(17), (0, 0, 1, 1))
    with pytest.raises(InputError, match=r'val2017\.json: sample 4 is of image 999, which is not in this file'):
        evaluate([stray])
