"""Differences of a graph to torch, by hand, and the bounds on them."""

import numpy as np
import pytest

from hybridkp.deploy.parity import compare
from hybridkp.errors import InputError


def finder(shift=0.0, **changes):
    """Find 2 points an image, whose first pixel says where; `changes` replace fields of the image 4."""
    sizes = []

    def run(images):
        sizes.append(len(images))
        first = images[:, 0, 0, 0].astype(np.float32)
        points = np.stack([np.stack((first + i, 2 * first), axis=-1) for i in (0, 50)], axis=1)
        found = dict(keypoints=points + np.float32([shift, 0]), scores=np.full(points.shape[:2], 0.5, np.float32))
        found['covariances'] = np.tile(np.diag([4.0, 1.0]).astype(np.float32), (*points.shape[:2], 1, 1))
        for name, value in changes.items():
            found[name][first == 4] = value
        return found

    run.sizes = sizes
    return run


IMAGES = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)


def test_batches_of_one_and_three_are_compared():
    graph, torch = finder(shift=0.25), finder()
    found = compare(graph, torch, IMAGES, any_number=False)
    assert graph.sizes == torch.sizes == [1] * 8 + [3, 3, 2]
    assert found.shift == pytest.approx((0.25, 0.25)) and found.scores == found.covariances == (0, 0)
    assert (found.points, found.images) == (16, 8)
    found.check(0.3)
    with pytest.raises(InputError, match=r'differ by 0\.25 px, more than 0\.01; the largest differences are 0\.25 px'):
        found.check(0.01)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (dict(scores=0.51), r'differ by 0\.01 in scores, more than 0\.001'),
        (dict(covariances=np.diag([4.0, 2.0])), r'differ by 0\.2 of the covariances, more than 0\.01'),
        (dict(keypoints=np.nan), r'differ by inf px'),
    ],
)
def test_bounds(changes, said):
    with pytest.raises(InputError, match=said):
        compare(finder(**changes), finder(), IMAGES, any_number=False).check(0.01)


def test_one_in_a_hundred_may_be_elsewhere():
    images = np.concatenate([IMAGES] * 8)
    one = images.copy()
    one[:5] = 4  # 12 images of 4 in all, each of 2 points, each compared twice

    def moved(images):
        found = finder()(images)
        if len(images) == 1 and not moved.done:
            moved.done = True
            found['keypoints'][0, 0] += 100
        return found

    moved.done = False
    found = compare(moved, finder(), images, any_number=False)
    assert found.shift[0] == 0 and found.shift[1] == pytest.approx(100 * 2**0.5)
    found.check(0.01)


def test_any_number_of_points_is_compared_with_the_nearest():
    def turned(images):
        return {name: values[:, ::-1] for name, values in finder()(images).items()}

    assert compare(turned, finder(), IMAGES, any_number=False).shift[0] == pytest.approx(50)
    assert compare(turned, finder(), IMAGES, any_number=True).shift == (0, 0)
    fewer = compare(finder(scores=[0.5, 0]), finder(), IMAGES, any_number=True)
    assert fewer.shift[1] == np.inf
    nobody = compare(finder(scores=0), finder(scores=0), IMAGES, any_number=True)
    assert nobody.shift == (0, 0) and nobody.points == 14
    assert compare(finder(scores=0), finder(), IMAGES, any_number=True).shift[1] == np.inf
