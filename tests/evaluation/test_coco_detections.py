import numpy as np
import pytest

from hybridkp.evaluation.coco_detections import (
    CocoDetections,
    best,
    categories,
    collect,
    prediction,
    suppress,
)
from hybridkp.evaluation.coco_truth import arrange

TRUTH = arrange(dict(images=[dict(id=9), dict(id=4)], annotations=[], categories=[dict(id=1), dict(id=2)]), 'here')


def found(coco_eval, number, image=4, points=((1, 2), (3, 5)), scores=(0.5, 0.1), box_score=0.5, category=1):
    return prediction(coco_eval.sample(number, image, points, scores, (0, 0, 10, 20), box_score, category))


def test_by_image_and_number_each_once(coco_eval):
    given = [(3, 9), (1, 4), (0, 9), (1, 4), (1, 9)]
    samples = [found(coco_eval, *one, box_score=i / 8) for i, one in enumerate(given)]
    detections = collect(samples, TRUTH, 'bbox', 'here')
    assert detections.images.tolist() == [0, 1, 1, 1]
    assert detections.scores.tolist() == [1 / 8, 2 / 8, 4 / 8, 0]
    assert detections.areas.tolist() == [200] * 4
    assert collect([], TRUTH, 'bbox', 'here').images.size == 0


@pytest.mark.parametrize(
    'mode, scores, expected',
    [
        ('bbox', (0.5, 0.1), 0.5),
        ('keypoint', (0.5, 0.1), 0.3),
        ('bbox_keypoint', (0.5, 0.1), 0.25),
        ('bbox_keypoint', (0.5, 0.3), 0.2),
        ('bbox_keypoint', (0.2, 0.1), 0),
        ('bbox_rle', (0.5, 0.1), 1.3),
    ],
)
def test_scores_by_hand(coco_eval, mode, scores, expected):
    detections = collect([found(coco_eval, 0, scores=scores)], TRUTH, mode, 'here')
    assert detections.scores.tolist() == pytest.approx([expected])


def test_what_is_not_there_is_taken_from_elsewhere():
    points, gt = np.array([[[1.0, 2.0], [4.0, 8.0]]]), dict(bbox_scores=np.array([0.25]))
    sample = dict(id=0, img_id=4, pred_instances=dict(keypoints=points, keypoint_scores=np.ones((1, 2))))
    one = prediction(sample | dict(gt_instances=gt))
    assert one.bboxes.tolist() == [[1, 2, 4, 8]] and one.sides.tolist() == [[3, 6]]
    assert one.bbox_scores.tolist() == [0.25] and one.categories.tolist() == [1]
    several = prediction(sample | dict(gt_instances=dict(bbox_scores=np.ones(3) / 2, bbox_scales=np.ones((3, 2)))))
    assert several.bbox_scores.tolist() == [1] and several.sides.tolist() == [[3, 6]]
    assert prediction(sample | dict(id=[3, 4], img_id=np.array(7))).id == (3, 4)


def test_categories_are_those_of_the_classes_that_were_found():
    sample = dict(category_id=np.array(5), pred_instances=dict(keypoints=np.zeros((3, 2, 2))))
    assert categories(sample, [0, 7]).tolist() == [5, 5, 5]
    sample['pred_instances']['labels'] = np.array([1, 0, 1])
    assert categories(sample, [0, 7]).tolist() == [7, 0, 7] and categories(sample, None).tolist() == [2, 1, 2]
    nobody = dict(pred_instances=dict(keypoints=np.zeros((0, 2, 2)), labels=np.zeros(0)))
    assert categories(nobody, [0, 7]).shape == (0,)


def test_alike_ones_are_suppressed(coco_eval):
    shifted = ((1.1, 2), (3, 5))
    samples = [found(coco_eval, 0, box_score=0.4), found(coco_eval, 1, points=shifted), found(coco_eval, 2, image=9)]
    detections = suppress(collect(samples, TRUTH, 'bbox', 'here'), np.array([0.1, 0.1]), 0.9)
    assert detections.images.tolist() == [0, 1] and detections.keypoints[0, 0, 0] == np.float32(1.1)


def test_the_best_of_each_unit_in_order():
    scores = np.array([0.1, 0.5, 0.5, 0.3, 0.9, 0.8, 0.7])
    detections = CocoDetections(
        images=np.array([0, 0, 0, 0, 1, 1, 1]),
        categories=np.array([0, 0, 0, 1, 0, -1, 0]),
        keypoints=np.arange(7.0)[:, None, None] * np.ones((1, 2)),
        keypoint_scores=np.array([1, 1, 1, 1, 1, 1, 0])[:, None],
        scores=scores,
        boxes=np.ones((7, 4)),
        sides=np.ones((7, 2)),
    )
    rows, units = best(detections, 2, 2)
    # of unit 0 the two of the highest scores, equal ones in their order; neither an unknown category nor without score
    assert rows.tolist() == [1, 2, 4, 3] and units.tolist() == [0, 0, 1, 2]
