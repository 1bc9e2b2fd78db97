import contextlib
import importlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, METRICS

from hybridkp.evaluation.coco_detections import collect, prediction
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_results import read_coco_results, without_duplicates
from hybridkp.evaluation.coco_truth import arrange, read_records
from hybridkp.evaluation.protocol import read_protocol
from hybridkp.evaluation.result_file import ResultFile

ROOT = Path(__file__).parents[2]
ANN_FILE = str(ROOT / 'tests/data/coco/annotations/person_keypoints_val2017.json')
SKELETON = Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton


def sample(record, generator):
    """Make what an estimator gives for a record: noisy points, random scores and covariances."""
    x, y, right, bottom = record['bbox'][0]
    labelled = record['keypoints_visible'][0][:, None] > 0
    points = np.where(labelled, record['keypoints'][0], generator.uniform((x, y), (right, bottom), (17, 2)))
    root = generator.normal(0, 3, (1, 17, 2, 2))
    pred = dict(
        keypoints=(points + generator.normal(0, 0.03 * np.sqrt((right - x) * (bottom - y)), (17, 2)))[None],
        keypoint_scores=generator.uniform(0, 1, (1, 17)),
        keypoint_covariances=root @ root.swapaxes(-1, -2),
        bboxes=record['bbox'],
        bbox_scores=generator.uniform(0.3, 1, 1),
    )
    pred = {key: value.astype(np.float32) for key, value in pred.items()}
    gt = dict(bbox_scales=1.25 * (record['bbox'][:, 2:] - record['bbox'][:, :2]), bbox_scores=pred['bbox_scores'])
    keys = ('id', 'img_id', 'category_id')
    return {key: record[key] for key in keys} | dict(pred_instances=pred, gt_instances=gt)


@pytest.fixture
def people(mmpose_scope):
    """The dataset of the bundled images and a prediction for each person."""
    dataset = DATASETS.build(dict(type='CocoKeypoints', ann_file=ANN_FILE, skeleton=SKELETON, test_mode=True))
    generator = np.random.default_rng(0)
    return dataset, [sample(dataset.get_data_info(i), generator) for i in range(len(dataset))]


@pytest.fixture
def written(people, tmp_path):
    """The result file of all predictions."""
    metric = METRICS.build(dict(type='ResultFile', path=str(tmp_path / 'new' / 'results.json')))
    _, samples = people
    for start in range(0, len(samples), 16):
        metric.process({}, samples[start : start + 16])
    assert metric.evaluate(len(samples)) == {}
    return tmp_path / 'new' / 'results.json'


def test_every_person_is_there_in_order(written, people):
    entries, (_, samples) = json.loads(written.read_text()), people
    assert len(entries) == len(samples) == 55
    for entry, given in zip(entries, samples, strict=True):
        pred = given['pred_instances']
        assert entry['image_id'] == given['img_id'] and entry['category_id'] == 1
        triples = np.reshape(entry['keypoints'], (17, 3))
        np.testing.assert_allclose(triples[:, :2], pred['keypoints'][0], atol=1e-4)
        np.testing.assert_allclose(triples[:, 2], pred['keypoint_scores'][0], atol=1e-4)
        x, y, width, height = entry['bbox']
        np.testing.assert_allclose([[x, y, x + width, y + height]], pred['bboxes'], atol=2e-4)


def test_covariances_are_kept_as_xx_xy_yy(written, people):
    for entry, given in zip(json.loads(written.read_text()), people[1], strict=True):
        expected = given['pred_instances']['keypoint_covariances'][0]
        found = np.array(entry['keypoint_covariances'])
        assert found.shape == (17, 3)
        np.testing.assert_allclose(found[:, 0], expected[:, 0, 0], rtol=1e-5)
        np.testing.assert_allclose(found[:, 1], expected[:, 0, 1], rtol=1e-5)
        np.testing.assert_allclose(found[:, 2], expected[:, 1, 1], rtol=1e-5)


@pytest.mark.parametrize('tools', ['pycocotools', 'xtcocotools'])
def test_evaluators_read_it_and_find_the_ap_of_the_metric(tools, written, people):
    dataset, samples = people
    metric = METRICS.build(dict(type='CocoMetric', ann_file=ANN_FILE))
    metric.dataset_meta = dataset.metainfo
    metric.process({}, samples)
    expected = list(metric.evaluate(len(samples)).values())
    coco = importlib.import_module(f'{tools}.coco').COCO(ANN_FILE)
    cocoeval = importlib.import_module(f'{tools}.cocoeval').COCOeval
    sigmas = (np.array(SKELETON.sigmas),) if tools == 'xtcocotools' else ()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = cocoeval(coco, coco.loadRes(str(written)), 'keypoints', *sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats.tolist() == pytest.approx(expected, abs=1e-9)
    assert 0.05 < expected[0] < 0.95


@pytest.mark.parametrize('scores, expected', [([0.5, 0.3, 0.1], 0.8 * 0.4), ([0.2, 0.1, 0.0], 0), ([1, 1, 1], 0.8)])
def test_score_by_hand(scores, expected, tmp_path):
    pred = dict(
        keypoints=np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]),
        keypoint_scores=np.array([scores], dtype=float),
        keypoint_covariances=np.array([[[[4.0, 1.0], [1.0, 9.0]]] * 3]),
        bboxes=np.array([[10.0, 20.0, 40.0, 60.0]], dtype=np.float32),
        bbox_scores=np.array([0.8]),
    )
    metric = ResultFile(str(tmp_path / 'a.json'))
    metric.process({}, [dict(img_id=7, pred_instances=pred)])
    metric.evaluate(1)
    (entry,) = json.loads((tmp_path / 'a.json').read_text())
    assert entry.pop('score') == pytest.approx(expected)
    assert entry == dict(
        image_id=7,
        category_id=1,
        keypoints=[1, 2, scores[0], 3, 4, scores[1], 5, 6, scores[2]],
        bbox=[10, 20, 30, 40],
        keypoint_covariances=[[4, 1, 9]] * 3,
    )


def test_small_covariances_keep_their_digits(tmp_path):
    pred = dict(
        keypoints=np.zeros((1, 1, 2)),
        keypoint_scores=np.ones((1, 1)),
        keypoint_covariances=np.array([[[[3e-5, 1e-6], [1e-6, 2e-5]]]]),
        bboxes=np.array([[0.0, 0.0, 1.0, 1.0]]),
        bbox_scores=np.ones(1),
    )
    metric = ResultFile(str(tmp_path / 'a.json'))
    metric.process({}, [dict(img_id=7, pred_instances=pred)])
    metric.evaluate(1)
    ((xx, xy, yy),) = json.loads((tmp_path / 'a.json').read_text())[0]['keypoint_covariances']
    assert xx > 0 and yy > 0 and xx * yy > xy**2


def test_several_people_in_one_sample(tmp_path):
    pred = dict(
        keypoints=np.arange(4.0).reshape(2, 1, 2),
        keypoint_scores=np.array([[0.5], [0.6]]),
        keypoint_covariances=np.stack((np.eye(2), 2 * np.eye(2)))[:, None],
        bboxes=np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]]),
        bbox_scores=np.ones(2),
    )
    metric = ResultFile(str(tmp_path / 'a.json'))
    metric.process({}, [dict(img_id=7, pred_instances=pred)])
    metric.evaluate(2)
    entries = json.loads((tmp_path / 'a.json').read_text())
    assert [entry['keypoints'] for entry in entries] == [[0, 1, 0.5], [2, 3, 0.6]]
    assert [entry['keypoint_covariances'] for entry in entries] == [[[1, 0, 1]], [[2, 0, 2]]]
    assert [entry['category_id'] for entry in entries] == [1, 1]


def test_what_several_looks_find_is_one_entry(tmp_path):
    samples = []
    for image, own, base in ((7, [1, 0, 1], 1.0), (8, [1, 1, 1], 9.0), (7, [0, 1, 0], 5.0)):
        pred = dict(
            keypoints=base + np.array([[[0.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]),
            keypoint_scores=np.array([[0.5, 0.3, 0.1]]) * base / 5,
            keypoint_covariances=base * np.tile(np.eye(2), (1, 3, 1, 1)),
            bboxes=np.zeros((1, 4)),
            bbox_scores=np.array([0.8]),
        )
        gt = dict(bbox_scales=np.ones((1, 2)))
        own = np.array(own, dtype=bool)
        samples.append(dict(img_id=image, id=3, own_keypoints=own, pred_instances=pred, gt_instances=gt))
    metric = ResultFile(str(tmp_path / 'a.json'), score_mode='keypoint')
    metric.process({}, samples)
    metric.evaluate(3)
    first, second = json.loads((tmp_path / 'a.json').read_text())
    assert first == dict(
        image_id=7,
        category_id=1,
        keypoints=[1, 3, 0.1, 8, 9, 0.3, 6, 7, 0.02],
        score=pytest.approx(0.14),
        bbox=[1, 3, 7, 6],
        keypoint_covariances=[[1, 0, 1], [5, 0, 5], [1, 0, 1]],
    )
    assert second['image_id'] == 8 and 'crop_area' not in second


def test_classes_are_the_categories_of_the_data(tmp_path):
    pred = dict(
        keypoints=np.zeros((2, 1, 2)),
        keypoint_scores=np.ones((2, 1)),
        keypoint_covariances=np.tile(np.eye(2), (2, 1, 1, 1)),
        bboxes=np.ones((2, 4)),
        bbox_scores=np.ones(2),
        labels=np.array([1, 0]),
    )
    metric = ResultFile(str(tmp_path / 'a.json'))
    for meta, expected in ((dict(category_ids=[0, 7]), [7, 0]), (None, [2, 1])):
        metric.dataset_meta, metric.results = meta, []
        metric.process({}, [dict(img_id=7, pred_instances=pred)])
        metric.evaluate(1)
        assert [entry['category_id'] for entry in json.loads((tmp_path / 'a.json').read_text())] == expected


def test_protocol_is_in_the_first_entry(people, tmp_path):
    """The file remains a list of results that COCO's tools load."""
    dataset, samples = people
    metric = ResultFile(str(tmp_path / 'a.json'), protocol=dict(boxes='ground truth'))
    metric.process({}, samples)
    metric.evaluate(len(samples))
    first, *others = json.loads((tmp_path / 'a.json').read_text())
    assert first['protocol'] == dict(boxes='ground truth') and not any('protocol' in entry for entry in others)
    assert read_protocol(tmp_path / 'a.json') == dict(boxes='ground truth')
    for tools in ('pycocotools', 'xtcocotools'):
        coco = importlib.import_module(f'{tools}.coco').COCO(ANN_FILE)
        assert len(coco.loadRes(str(tmp_path / 'a.json')).anns) == len(samples)


def test_no_entries_have_no_protocol(tmp_path):
    metric = ResultFile(str(tmp_path / 'a.json'), protocol=dict(boxes='ground truth'))
    metric.compute_metrics([])
    assert json.loads((tmp_path / 'a.json').read_text()) == [] and read_protocol(tmp_path / 'a.json') is None


def test_what_is_read_has_the_measures_of_the_metric(written, people):
    """With the area of the crop, the suppression of duplicates is the metric's, too."""
    dataset, samples = people
    doubled = samples + [dict(one, id=one['id'] + 10**9) for one in samples]
    metric = METRICS.build(dict(type='CocoAveragePrecision', ann_file=ANN_FILE))
    metric.dataset_meta = dataset.metainfo
    metric.process({}, doubled)
    expected = metric.evaluate(len(doubled))
    ours = ResultFile(str(written))
    ours.process({}, doubled)
    ours.evaluate(len(doubled))
    truth, sigmas = arrange(read_records(ANN_FILE), ANN_FILE), dataset.metainfo['sigmas']
    found = without_duplicates(read_coco_results(written, truth), sigmas, 0.9)
    measures = evaluate(found.detections, truth, sigmas).accumulation.measures()
    assert {f'coco/{name}': value for name, value in measures.items()} == pytest.approx(expected, abs=1e-9)
    areas = [one['gt_instances']['bbox_scales'][0].prod() for one in samples]
    assert [entry['crop_area'] for entry in json.loads(written.read_text())[: len(samples)]] == pytest.approx(areas)


@pytest.mark.parametrize('mode', ['bbox', 'keypoint', 'bbox_rle'])
def test_scores_of_other_modes_are_the_metrics(mode, people, tmp_path):
    _, samples = people
    metric = ResultFile(str(tmp_path / 'a.json'), score_mode=mode)
    metric.process({}, samples)
    metric.evaluate(len(samples))
    truth = arrange(read_records(ANN_FILE), ANN_FILE)
    expected = collect([prediction(one) for one in samples], truth, mode, ANN_FILE).scores
    assert sorted(entry['score'] for entry in json.loads((tmp_path / 'a.json').read_text())) == pytest.approx(
        sorted(expected.tolist())
    )


def test_unknown_score_mode_is_refused():
    with pytest.raises(ValueError, match="ResultFile: expected a score_mode of .*, got 'box'"):
        ResultFile('a.json', score_mode='box')


def test_old_file_stays_when_the_new_one_fails(written, monkeypatch):
    before = written.read_text()
    metric = ResultFile(str(written))
    metric.results.append([dict(wrong=object())])
    with pytest.raises(TypeError):
        metric.evaluate(1)
    assert written.read_text() == before
