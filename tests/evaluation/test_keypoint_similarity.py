import math

import numpy as np
import pytest
from mmpose.evaluation.functional.nms import oks_nms

from hybridkp.evaluation.coco_truth import arrange
from hybridkp.evaluation.keypoint_similarity import (
    keypoint_similarities,
    labelled_similarities,
    rows_by_count,
    survivors,
    truth_similarities,
)


def truth(*people):
    person = dict(image_id=1, category_id=1, bbox=[0, 0, 10, 20], area=100, keypoints=[0, 0, 2, 10, 0, 1])
    annotations = [person | one | dict(id=i) for i, one in enumerate(people)]
    return arrange(dict(images=[dict(id=1)], annotations=annotations), 'here')


SIGMAS = np.array([0.1, 0.2])


def test_formula():
    found = keypoint_similarities(np.array([[4.0, 16.0]]), np.array([100.0]), SIGMAS)
    assert found[0].tolist() == pytest.approx([math.exp(-4 / (2 * 100 * 0.04)), math.exp(-16 / (2 * 100 * 0.16))])


def test_mean_over_what_is_labelled():
    points = np.array([[[2.0, 0.0], [10.0, 4.0]], [[0.0, 0.0], [10.0, 0.0]]])
    people = truth({}, dict(keypoints=[0, 0, 0, 10, 0, 1]))
    indices = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    first = math.exp(-0.5)
    assert truth_similarities(points, people, indices, SIGMAS).tolist() == pytest.approx([first, first, 1, 1])
    similar = labelled_similarities(points, people, np.array([0, 1]), SIGMAS)
    np.testing.assert_allclose(similar, [[first, first], [np.nan, 1]])


def test_without_labels_it_is_the_enlarged_box():
    # the box is 10 wide and 20 high at the origin: nothing is further than nothing from -10..20, -20..40
    people = truth(dict(keypoints=[0] * 6))
    points = np.array([[[-10.0, -20.0], [20.0, 40.0]], [[-12.0, 0.0], [0.0, 44.0]]])
    similar = truth_similarities(points, people, (np.array([0, 1]), np.array([0, 0])), SIGMAS)
    assert similar.tolist() == pytest.approx([1, math.exp(-0.5)])


@pytest.mark.parametrize('keypoints', [1, 7, 8, 17, 130])
def test_sums_of_many_pairs_are_those_of_single_ones(keypoints):
    generator = np.random.default_rng(keypoints)
    triples = np.concatenate(
        (generator.normal(0, 9, (40, keypoints, 2)), generator.integers(0, 3, (40, keypoints, 1))), 2
    )
    people = truth(*(dict(keypoints=one.ravel().tolist()) for one in triples))
    points, sigmas = generator.normal(0, 9, (50, keypoints, 2)), generator.uniform(0.3, 1, keypoints).astype(np.float32)
    indices = np.repeat(np.arange(50), 40), np.tile(np.arange(40), 50)
    similar = truth_similarities(points, people, indices, sigmas)
    for value, i, j in zip(similar, *indices, strict=True):
        if people.labelled[j].any():
            shifts = points[i] - people.keypoints[j]
            e = (shifts[:, 0] ** 2 + shifts[:, 1] ** 2) / (sigmas * 2) ** 2 / (people.areas[j] + np.spacing(1)) / 2
            e = e[people.labelled[j]]
            assert value == np.sum(np.exp(-e)) / len(e)


@pytest.mark.parametrize('kind', [np.float32, np.float64])
@pytest.mark.parametrize('threshold', [0.3, 0.6, 0.9, 1.0])
def test_survivors_are_those_of_mmpose_in_its_order(kind, threshold):
    generator, count, joints = np.random.default_rng(0), 400, 5
    images = np.sort(generator.choice([*range(12), 3, 3, 3, 3], count))  # one has many
    points = (generator.integers(0, 3, (count, 1, 1)) + generator.normal(0, 0.1, (count, joints, 2))).astype(kind)
    points[::7] = points[1::7][: len(points[::7])] if len(points[1::7]) == len(points[::7]) else points[::7]
    scores = generator.uniform(0, 1, count).round(1).astype(kind)  # many are equal
    areas, sigmas = generator.uniform(0.5, 2, count).astype(kind), np.full(joints, 0.2, dtype=np.float32)
    expected = []
    for image in np.unique(images):
        rows = np.flatnonzero(images == image)
        instances = [
            dict(keypoints=np.append(points[i], np.ones((joints, 1), dtype=kind), 1), score=scores[i], area=areas[i])
            for i in rows
        ]
        expected += rows[oks_nms(instances, threshold, sigmas)].tolist()
    assert survivors(points, scores, areas, images, sigmas, threshold).tolist() == expected
    assert len(expected) < count or threshold == 1


def test_nothing_survives_of_nothing():
    nothing = np.zeros(0)
    assert survivors(np.zeros((0, 2, 2)), nothing, nothing, nothing.astype(int), SIGMAS, 0.9).size == 0


def test_rows_by_count():
    groups = [rows.tolist() for rows in rows_by_count(np.array([0, 2, 2, 5, 7, 7]))]
    assert groups == [[[0], [3]], [[1, 2], [4, 5]]]
