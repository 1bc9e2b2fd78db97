import json

import numpy as np
import pytest

from hybridkp.evaluation.coco_detections import collect, prediction
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_reference import reference_measures
from hybridkp.evaluation.coco_truth import arrange

SIGMAS = np.array([0.05, 0.1, 0.15])


@pytest.fixture(params=range(4))
def given(request, coco_eval):
    """Records, people, detections and their evaluation."""
    records, samples = coco_eval.case(request.param, images=5, categories=2, zeros=False)
    truth = arrange(records, 'here')
    detections = collect([prediction(one) for one in samples], truth, 'bbox_keypoint', 'here')
    return records, truth, detections, evaluate(detections, truth, SIGMAS)


def restricted(records, keypoint):
    """Give annotations of one keypoint only."""
    records = json.loads(json.dumps(records))
    for one in records['annotations']:
        one['keypoints'] = one['keypoints'][3 * keypoint : 3 * keypoint + 3]
        one['num_keypoints'] = int(one['keypoints'][2] > 0)
    return records


def test_measures_are_those_of_the_reference(given):
    records, truth, detections, evaluation = given
    assert evaluation.accumulation.measures() == reference_measures(detections, truth, records, SIGMAS, 20)


def test_a_keypoint_alone_is_what_the_reference_measures_of_a_skeleton_of_one(given):
    records, truth, detections, evaluation = given
    for keypoint in range(3):
        alone, part = evaluation.alone(keypoint), [keypoint]
        few = detections._replace(
            keypoints=detections.keypoints[:, part], keypoint_scores=detections.keypoint_scores[:, part]
        )
        expected = reference_measures(few, alone.truth, restricted(records, keypoint), SIGMAS[part], 20)
        assert alone.accumulation.measures() == expected


def test_rows_lead_back_to_what_was_handed_in(given):
    _, _, detections, evaluation = given
    assert (detections.keypoints[evaluation.rows] == evaluation.detections.keypoints).all()
    assert (np.diff(evaluation.units) >= 0).all()


def test_nobody_who_is_ignored_is_a_partner(given):
    _, truth, _, evaluation = given
    for threshold in (0.1, 0.5, 0.8):
        partners = evaluation.partners_at(threshold)
        assert not truth.ignored[partners[partners >= 0]].any()
        similarities = evaluation.similarities(partners)
        assert np.isnan(similarities[partners < 0]).all()
        means = np.nanmean(similarities[partners >= 0], axis=1)
        assert (means >= threshold - 1e-9).all()
    fewer = [(evaluation.partners_at(threshold) >= 0).sum() for threshold in (0.1, 0.5, 0.8)]
    assert fewer == sorted(fewer, reverse=True)


def test_moving_to_the_true_places_finds_everybody(given):
    _, truth, _, evaluation = given
    partners = evaluation.partners_at(0.1)
    points = evaluation.detections.keypoints.astype(float)
    points[partners >= 0] = truth.keypoints[partners[partners >= 0]]
    moved = evaluation.moved(points)
    similarities = moved.similarities(partners)
    assert similarities[~np.isnan(similarities)] == pytest.approx(1)
    assert moved.accumulation.measures()['AR'] >= evaluation.accumulation.measures()['AR']
    assert (evaluation.detections.keypoints != points).any() or not (partners >= 0).any()
