"""Two results on the same images: intervals and probabilities whose values are known."""

import math

import numpy as np
import pytest

from hybridkp.evaluation.coco_accumulation import MEASURES, CocoAccumulation
from hybridkp.evaluation.coco_detections import CocoDetections
from hybridkp.evaluation.coco_evaluation import evaluate
from hybridkp.evaluation.coco_matching import AREAS, THRESHOLDS
from hybridkp.evaluation.coco_truth import arrange
from hybridkp.evaluation.paired_difference import _merged, keypoint_differences, paired_differences

SHAPE = (len(AREAS), len(THRESHOLDS))


def one_an_image(right, scores=None):
    """Make one detection of one person in each image, right or wrong."""
    count, right = len(right), np.array(right, dtype=bool)
    return CocoAccumulation(
        units=np.arange(count),
        scores=np.ones(count) if scores is None else np.array(scores),
        found=np.broadcast_to(right[:, None, None], (count, *SHAPE)),
        ignored=np.zeros((count, *SHAPE), dtype=bool),
        people=np.ones((1, count, len(AREAS)), dtype=int),
    )


def random(seed, images=20, categories=2, detections=150):
    generator = np.random.default_rng(seed)
    people = np.random.default_rng(0).integers(1, 6, (categories, images, len(AREAS)))
    return CocoAccumulation(
        np.sort(generator.integers(0, images * categories, detections)),
        generator.random(detections),
        generator.random((detections, *SHAPE)) < 0.5,
        generator.random((detections, *SHAPE)) < 0.2,
        people,
    )


def test_the_same_is_not_different():
    for one in paired_differences(random(1), random(1), 50, 0).values():
        assert one.difference == 0 and one.interval == (0, 0) and one.p_bootstrap == one.p_exchange == 1
        assert one.first == one.second and one.first_interval == one.second_interval


def test_measures_and_intervals_are_those_of_each_alone():
    first, second = random(1), random(2)
    found = paired_differences(first, second, 60, 3)
    assert list(found) == list(MEASURES)
    for name, one in found.items():
        assert (one.first, one.second) == (first.measures()[name], second.measures()[name])
        assert one.first_interval == pytest.approx(first.intervals(60, 3)[name])
        assert one.second_interval == pytest.approx(second.intervals(60, 3)[name])
        assert one.difference == pytest.approx(one.second - one.first)


def test_exchanging_both_exchanges_the_sign():
    first, second = paired_differences(random(1), random(2), 60, 3), paired_differences(random(2), random(1), 60, 3)
    for name, one in first.items():
        assert one.difference == -second[name].difference
        assert one.interval == pytest.approx([-limit for limit in second[name].interval[::-1]])
        assert one.p_bootstrap == second[name].p_bootstrap and one.p_exchange == second[name].p_exchange


@pytest.mark.parametrize('categories', [1, 2])
def test_both_in_one_list_are_both(categories):
    """Taking no image of the other gives each alone; taking some of each is putting these together."""
    first, second = random(1, categories=categories), random(2, categories=categories)
    merged, images = _merged(first, second), first.people.shape[1]
    one, zero = np.ones(images, dtype=int), np.zeros(images, dtype=int)
    for times, expected in ((np.append(one, zero), first), (np.append(zero, one), second)):
        (drawn,) = merged.resampled(times[None])
        assert drawn == pytest.approx(expected.measures(), abs=1e-12)
    side = np.arange(images) % 2
    (drawn,) = merged.resampled(np.append(1 - side, side)[None])
    rows = [part.units % images % 2 == i for i, part in enumerate((first, second))]
    parts = [np.concatenate((a[rows[0]], b[rows[1]])) for a, b in zip(first[:4], second[:4], strict=True)]
    order = np.argsort(parts[0], kind='stable')
    assert drawn == pytest.approx(
        CocoAccumulation(*(part[order] for part in parts), first.people).measures(), abs=1e-12
    )


def test_exchange_on_paper():
    """Right in all of 5 images, and wrong in all: 2 of 2^5 exchanges leave a difference of 1."""
    found = paired_differences(one_an_image([1] * 5), one_an_image([0] * 5), 4000, 0)['AR']
    assert found.difference == -1 and found.interval == (-1, -1)
    assert found.p_exchange == pytest.approx(2 / 32, abs=0.012)
    assert found.p_bootstrap == pytest.approx(2 / 4001)


def test_bootstrap_on_paper():
    """B finds three people more than A, of four images; none of these is drawn in 1 of 4^4 draws."""
    found = paired_differences(one_an_image([0, 0, 0, 1]), one_an_image([1, 1, 1, 1]), 5000, 0)['AR']
    assert found.difference == 0.75 and found.interval == (0.25, 1)
    assert found.p_bootstrap == pytest.approx(2 / 256, abs=0.004)


def test_a_pair_is_surer_than_each_alone():
    """B finds whom A finds and a few more: each alone is unsure, the difference is not."""
    right = np.random.default_rng(0).random(200) < 0.5
    better = right | (np.arange(200) < 40)
    one = paired_differences(one_an_image(right), one_an_image(better), 400, 0)['AR']
    assert one.first_interval[1] > one.second_interval[0]
    assert one.interval[0] > 0.02 and one.p_bootstrap < 0.01 and one.p_exchange < 0.01


@pytest.mark.parametrize('draws, images', [(0, 5), (10, 1)])
def test_without_draws_or_with_one_image_nothing_is_known_of_chance(draws, images):
    one = paired_differences(one_an_image([1] * images), one_an_image([0] * images), draws, 0)['AP']
    assert one.difference == pytest.approx(-1)
    assert all(map(math.isnan, (*one.interval, *one.first_interval, one.p_bootstrap, one.p_exchange)))


def test_what_is_undefined_is_nan():
    given = one_an_image([1, 0])
    nobody = given._replace(people=given.people * np.array([1, 0, 1]))
    one = paired_differences(nobody, nobody, 10, 0)['AP (M)']
    assert math.isnan(one.first) and math.isnan(one.difference) and math.isnan(one.p_exchange)


def test_other_people_are_refused():
    with pytest.raises(ValueError, match='expected two results on the same people'):
        paired_differences(one_an_image([1, 1]), one_an_image([1, 1, 1]), 5, 0)


def poses(distances):
    """Evaluate one person of two keypoints an image, the first one some px off, the second one right.

    With sigmas of 0.1 and an area of 2500 px^2 the similarity is exp(-d^2 / 200).
    """
    person = dict(category_id=1, bbox=[0, 0, 50, 50], area=2500, iscrowd=0, keypoints=[10, 10, 2, 40, 40, 2])
    images = [dict(id=i) for i in range(len(distances))]
    annotations = [dict(person, id=i, image_id=i) for i in range(len(distances))]
    truth = arrange(dict(images=images, annotations=annotations, categories=[dict(id=1)]), 'here')
    count = len(distances)
    detections = CocoDetections(
        images=np.arange(count),
        categories=np.zeros(count, dtype=int),
        keypoints=np.array([[(10 + distance, 10), (40, 40)] for distance in distances], dtype=float),
        keypoint_scores=np.ones((count, 2)),
        scores=np.ones(count),
        boxes=np.tile([0.0, 0.0, 50.0, 50.0], (count, 1)),
        sides=np.ones((count, 2)),
    )
    return evaluate(detections, truth, np.array([0.1, 0.1]))


def test_keypoints_on_paper():
    """Always 10 px better in 4 images: only 2 of 2^4 changes of signs are as large."""
    first, second, both = keypoint_differences(poses([10] * 4), poses([0] * 4), 4000, 0)
    gain = 1 - np.exp(-0.5)
    assert (first.first, first.second, first.difference) == pytest.approx((np.exp(-0.5), 1, gain))
    assert first.interval == pytest.approx((gain, gain)) and first.p_exchange == pytest.approx(2 / 16, abs=0.02)
    assert second.difference == 0 and second.p_exchange == second.p_bootstrap == 1
    assert both.difference == pytest.approx(gain / 2)


def test_of_those_who_are_not_found_the_similarity_is_zero():
    """Somebody 1000 px off is found by the second keypoint, a half; nobody is by a detection that is left out."""
    first, second, both = keypoint_differences(poses([0, 1000]), poses([0, 0]), 0, 0)
    assert (first.first, second.first, both.first) == pytest.approx((0.5, 1, 0.75)) and first.second == 1
    given = poses([0, 0])
    few = evaluate(given.detections.select(np.array([0])), given.truth, given.sigmas)
    assert [one.difference for one in keypoint_differences(given, few, 0, 0)] == pytest.approx([-0.5] * 3)
