import numpy as np
import pytest

from hybridkp.evaluation.coco_detections import collect, prediction
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_truth import arrange
from hybridkp.evaluation.keypoint_precision import keypoint_precision, keypoint_table

SIGMAS = np.full(3, 0.1)
"""With an area of 2500 px^2 the similarity is exp(-d^2 / 200): 0.726 at 8 px."""


@pytest.fixture
def measured(coco_eval):
    """Evaluate poses of people at one place an image, whose third keypoint is labelled nowhere."""

    def run(*poses):
        person = dict(
            category_id=1, bbox=[0, 0, 50, 50], area=2500, iscrowd=0, keypoints=[20, 20, 2, 40, 40, 2, 0, 0, 0]
        )
        records = dict(
            images=[dict(id=i) for i in range(len(poses))],
            annotations=[dict(person, id=i, image_id=i) for i in range(len(poses))],
            categories=[dict(id=1)],
        )
        samples = [coco_eval.sample(i, i, [*pose, (9, 9)], np.ones(3), (0, 0, 50, 50)) for i, pose in enumerate(poses)]
        truth = arrange(records, 'here')
        return evaluate(collect([prediction(one) for one in samples], truth, 'bbox', 'here'), truth, SIGMAS)

    return run


def test_example_on_paper(measured):
    """The first keypoint is right; the second one is 8 px off, 0.726, which 0.5 to 0.7 of 0.5 to 0.95 let through."""
    found = keypoint_precision(measured([(20, 20), (48, 40)]))
    assert found.ap[:2] == pytest.approx([1, 0.5]) and np.isnan(found.ap[2])
    assert found.ap50[:2] == pytest.approx([1, 1]) and found.ap75[:2] == pytest.approx([1, 0])
    assert found.similarity[:2] == pytest.approx([1, np.exp(-0.32)]) and np.isnan(found.similarity[2])
    assert found.near[:2].tolist() == [1, 1] and found.count.tolist() == [1, 1, 0]


def test_of_somebody_who_is_not_found_a_keypoint_may_be(measured):
    """Of the second person only the first keypoint is right: together 0.5 at most, alone 1."""
    found = keypoint_precision(measured([(20, 20), (40, 40)], [(20, 21), (300, 300)]))
    assert found.ap[0] == pytest.approx(1) and found.ap[1] == pytest.approx(51 / 101)
    assert found.count.tolist() == [1, 1, 0]  # at a similarity of 0.4999 the second one is not found


def test_table(measured):
    rows = keypoint_table(measured([(20, 20), (48, 40)]), ['nose', 'hand', 'foot'])
    assert [row[0] for row in rows] == ['keypoint', 'nose', 'hand', 'foot', 'all']
    assert {len(row) for row in rows} == {7}
    assert rows[-1][-1] == 2 and rows[-1][1] == pytest.approx(0.8)  # of 0.863 the thresholds up to 0.85
    assert rows[-1][4] == pytest.approx((1 + np.exp(-0.32)) / 2)


def test_nobody(measured):
    found = keypoint_precision(measured())
    assert len(found.count) == 3 and np.isnan(found.ap).all() and not found.count.any()
