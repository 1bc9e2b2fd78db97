"""Equal in every digit: ours, mmpose with xtcocotools, xtcocotools, pycocotools."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridkp.evaluation.coco_detections import collect, prediction
from hybridkp.evaluation.coco_reference import reference_measures
from hybridkp.evaluation.coco_truth import arrange

SMALL = dict(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 4),
    most_people=st.integers(0, 5),
    most_found=st.sampled_from([1, 5, 30]),
    joints=st.sampled_from([1, 2, 9, 17]),
)


@pytest.fixture
def measure(coco_eval, bundled):
    """Evaluate samples on the bundled people with a metric of some settings."""

    def run(samples, name='CocoAveragePrecision', **settings):
        metric = coco_eval.build(coco_eval.ann_file, bundled.metainfo['sigmas'], name, **settings)
        return coco_eval.measure(metric, samples)

    return run


@pytest.fixture
def perturbed(coco_eval, bundled):
    """Make detections of the bundled people."""
    return lambda seed, kind=np.float32: coco_eval.perturbed(bundled, seed, kind)


@pytest.mark.parametrize('mode', ['bbox', 'keypoint', 'bbox_keypoint', 'bbox_rle'])
@pytest.mark.parametrize('kind', [np.float32, np.float64])
@pytest.mark.parametrize('threshold', [0.9, 0.5, None])
def test_equal_to_mmpose_on_bundled_people(measure, perturbed, mode, kind, threshold):
    samples = perturbed(0, kind)
    suppression = dict(nms_mode='none') if threshold is None else dict(nms_thr=threshold)
    expected = measure(samples, 'CocoMetric', score_mode=mode, **suppression)
    found = measure(samples, score_mode=mode, nms_threshold=threshold)
    assert found == expected and list(found) == list(expected)
    assert all(type(value) is float for value in found.values())
    assert 0.05 < found['coco/AP'] < 0.95 and len(set(found.values())) > 5


@pytest.mark.parametrize('tools', ['pycocotools', 'xtcocotools'])
@pytest.mark.parametrize('seed', range(3))
def test_equal_to_coco_tools_on_bundled_people(coco_eval, measure, perturbed, tools, seed):
    samples, sigmas = perturbed(seed), np.linspace(0.02, 0.1, 17)
    expected = coco_eval.by(tools, json.loads(coco_eval.ann_file.read_text()), coco_eval.entries(samples), sigmas)
    assert measure(samples, sigmas=sigmas, nms_threshold=None) == expected


def test_reference_evaluates_the_same_detections(measure, perturbed):
    samples = perturbed(1)
    found, few = measure(samples), measure(samples, max_detections=2)
    assert measure(samples, reference=True) == found != few
    assert measure(samples, reference=True, max_detections=2) == few


def check_equal_to_mmpose(coco_eval, path, records, samples, joints):
    path.write_text(json.dumps(records))
    sigmas = np.linspace(0.03, 0.1, joints, dtype=np.float32)
    expected = coco_eval.measure(coco_eval.build(path, sigmas, 'CocoMetric'), samples)
    assert coco_eval.measure(coco_eval.build(path, sigmas), samples) == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**SMALL, categories=st.integers(1, 3))
def test_equal_to_mmpose_on_any_small_case(coco_eval, tmp_path, joints, **sizes):
    records, samples = coco_eval.case(**sizes, joints=joints)
    if samples:  # mmpose needs one
        check_equal_to_mmpose(coco_eval, tmp_path / 'a.json', records, samples, joints)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**SMALL)
def test_equal_to_pycocotools_on_any_small_case(coco_eval, tmp_path, joints, **sizes):
    # pycocotools keeps what has no score above 0
    records, samples = coco_eval.case(**sizes, joints=joints, zeros=False)
    (tmp_path / 'a.json').write_text(json.dumps(records))
    sigmas = np.linspace(0.03, 0.1, joints)
    if not samples:
        return
    ordered = sorted(samples, key=lambda one: (one['img_id'], one['id']))
    expected = coco_eval.by('pycocotools', records, coco_eval.entries(ordered), sigmas)
    assert coco_eval.measure(coco_eval.build(tmp_path / 'a.json', sigmas, nms_threshold=None), samples) == expected


def test_stand_alone(coco_eval, bundled):
    records, samples = json.loads(coco_eval.ann_file.read_text()), coco_eval.perturbed(bundled, 4)
    truth, before = arrange(records, 'here'), json.dumps(records)
    detections = collect([prediction(one) for one in samples], truth, 'bbox_keypoint', 'here')
    found = reference_measures(detections, truth, records, bundled.metainfo['sigmas'], 20)
    ordered = sorted(samples, key=lambda one: (one['img_id'], one['id']))
    expected = coco_eval.by('xtcocotools', records, coco_eval.entries(ordered), bundled.metainfo['sigmas'])
    assert {f'coco/{name}': value for name, value in found.items()} == expected
    assert json.dumps(records) == before  # though the reference writes into them
