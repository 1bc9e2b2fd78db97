import json

import numpy as np
import pytest

from hybridkp.evaluation.coco_accumulation import MEASURES, RECALLS, CocoAccumulation, summary
from hybridkp.evaluation.coco_matching import AREAS, THRESHOLDS

SHAPE = (len(AREAS), len(THRESHOLDS))


def accumulation(right, people=(2, 2), ignored=None, units=None, scores=None, categories=1):
    """Make detections that are right or wrong in all ranges of areas at all thresholds, the best first."""
    right = np.array(right, dtype=bool)
    ignored = np.zeros_like(right) if ignored is None else np.array(ignored, dtype=bool)
    people = np.array(people).reshape(categories, -1)
    return CocoAccumulation(
        units=np.zeros(len(right), dtype=int) if units is None else np.array(units),
        scores=np.linspace(1, 0.5, len(right)) if scores is None else np.array(scores),
        found=np.broadcast_to(right[:, None, None], (len(right), *SHAPE)),
        ignored=np.broadcast_to(ignored[:, None, None], (len(right), *SHAPE)),
        people=np.broadcast_to(people[..., None], (*people.shape, len(AREAS))),
    )


def test_example_on_paper():
    """Four people and right, wrong, right: recalls 1/4, 1/4, 1/2; precisions 1, 1/2, 2/3.

    26 recalls are up to 1/4 and 25 more up to 1/2.
    """
    measures = accumulation([1, 0, 1]).measures()
    assert list(measures) == list(MEASURES)
    assert measures['AP'] == measures['AP (M)'] == pytest.approx((26 + 25 * 2 / 3) / 101)
    assert measures['AR'] == 0.5


def test_ignored_detections_count_as_nothing():
    assert accumulation([1, 1, 0, 1], ignored=[0, 1, 1, 0]).measures() == accumulation([1, 1]).measures()


def test_order_is_that_of_the_scores_over_all_images():
    mixed = accumulation([1, 0, 1], units=[0, 0, 1], scores=[0.9, 0.2, 0.5])
    assert mixed.measures() == accumulation([1, 1, 0]).measures()


def test_categories_are_averaged():
    units, people = [0, 2, 3], (1, 0, 1, 1)  # the first category is found, of the second one of two, behind a wrong one
    measures = accumulation([1, 0, 1], people, units=units, categories=2).measures()
    assert measures['AP'] == pytest.approx((1 + 51 / 101 / 2) / 2) and measures['AR'] == pytest.approx(0.75)
    nobody = accumulation([1, 0, 1], (1, 0, 0, 0), units=units, categories=2).measures()
    assert nobody['AP'] == pytest.approx(1)  # the second has nobody: it does not count


def test_nothing():
    assert set(accumulation([], people=(0, 0)).measures().values()) == {-1}
    assert set(accumulation([]).measures().values()) == {0}


def test_summary_takes_thresholds_and_areas():
    precision = np.zeros((len(THRESHOLDS), len(RECALLS), 1, len(AREAS))) + np.arange(10)[:, None, None, None] / 10
    precision[..., 2] = -1
    measures = summary(precision, precision[:, 0])
    assert measures['AP'] == pytest.approx(0.45) and (measures['AP .5'], measures['AR (L)']) == (0, -1)
    assert measures['AP .75'] == measures['AR .75'] == 0.5


def noisy(seed, images=30, detections=200):
    generator = np.random.default_rng(seed)
    units, people = (
        np.sort(generator.integers(0, images, detections)),
        generator.integers(0, 6, (1, images, len(AREAS))),
    )
    right = generator.random((detections, *SHAPE)) < 0.5
    return CocoAccumulation(
        units, generator.random(detections), right, generator.random((detections, *SHAPE)) < 0.2, 8 + people
    )


def test_drawing_each_image_once_changes_nothing():
    given = noisy(0)
    (drawn,) = given.resampled(np.ones((1, 30), dtype=int))
    assert drawn == pytest.approx(given.measures(), abs=1e-12)


@pytest.mark.parametrize('seed', range(5))
def test_drawing_images_is_repeating_them(seed):
    given, times = noisy(seed), np.random.default_rng(seed).multinomial(30, np.full(30, 1 / 30), 1)
    rows, units, number = [], [], 0
    for image, count in enumerate(times[0]):
        for _ in range(count):
            rows.append(np.flatnonzero(given.units == image))
            units += [number] * len(rows[-1])
            number += 1
    rows, images = np.concatenate(rows), np.repeat(np.arange(30), times[0])
    repeated = CocoAccumulation(
        np.array(units), given.scores[rows], given.found[rows], given.ignored[rows], given.people[:, images]
    )
    (drawn,) = given.resampled(times)
    assert drawn == pytest.approx(repeated.measures(), abs=1e-12)


def test_curves_are_what_the_measures_are_of():
    """Of the curve on paper: precision 1 up to a recall of 1/4, 2/3 up to 1/2, then none."""
    precision, recall = accumulation([1, 0, 1]).curves()
    assert precision.shape == (len(THRESHOLDS), len(RECALLS), 1, len(AREAS)) and (recall == 0.5).all()
    np.testing.assert_allclose(precision[3, :, 0, 0], [1] * 26 + [2 / 3] * 25 + [0] * 50)
    assert summary(precision, recall) == accumulation([1, 0, 1]).measures()


def test_an_image_that_is_not_drawn_does_not_count():
    given = accumulation([1, 0], people=(1, 1), units=[0, 1])
    drawn = list(given.resampled(np.array([[2, 0], [0, 2], [1, 1]])))
    assert [one['AP'] for one in drawn] == pytest.approx([1, 0, 51 / 101])
    alone = accumulation([1, 0], people=(1, 0), units=[0, 1])
    assert [one['AP'] for one in alone.resampled(np.array([[0, 2]]))] == [-1]
    assert alone.intervals(50, 0)['AP'] == pytest.approx((1, 1))


def test_intervals_are_as_wide_as_the_spread_of_new_images():
    """Of 400 images with one person each, the recall p has a standard deviation of sqrt(p (1 - p) / 400)."""
    right = np.random.default_rng(0).random(400) < 0.5
    given = accumulation(right, np.ones(400, dtype=int), units=np.arange(400))
    low, high = given.intervals(400, 0)['AR']
    assert low < right.mean() < high and high - low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.2)
    assert json.dumps(given.intervals(3, 1)) == json.dumps(given.intervals(3, 1))
