"""The scatter of readers: on paper, with known noise, with and without offsets, with few images."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops.covariance import from_sigmas, transform
from hybridkp.ops.reader_scatter import reader_scatter

NOISE = from_sigmas(*torch.tensor([[4.0, 1.0], [1.0, 1.0], [0.6, 0.0]], dtype=torch.float64))
"""The covariances (2, 2, 2) of two keypoints' noise: one long and turned, one round."""


def marks(generator, images=4000, readers=2, bias=0.0):
    """What readers mark who err by NOISE about random points, and each by an offset of its own: (N, R, 2, 2)."""
    truth = 100 * torch.rand(images, 1, 2, 2, generator=generator, dtype=torch.float64)
    offsets = bias * torch.randn(readers, 2, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(images, readers, 2, 2, 1, generator=generator, dtype=torch.float64)
    return truth + offsets + (torch.linalg.cholesky(NOISE) @ noise)[..., 0], offsets


def everyone(points):
    return torch.ones(points.shape[:3])


def test_two_readers_on_paper():
    # differences (2, 0), (0, 4), (2, 0), (0, 0): half their squares are 2, 8, 2, 0 in xx, yy, xx; 4 degrees of freedom
    points = torch.zeros(4, 2, 1, 2)
    points[0, 1, 0], points[1, 1, 0], points[2, 1, 0] = map(torch.tensor, ([2.0, 0.0], [0.0, 4.0], [2.0, 0.0]))
    wanted = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    torch.testing.assert_close(reader_scatter(points, everyone(points))[0], wanted)
    # the mean difference is (1, 1): (1, -1), (-1, 3), (1, -1), (-1, -1) are left, and 3 degrees of freedom
    wanted = torch.tensor([[4.0, -4.0], [-4.0, 12.0]]) / 2 / 3
    torch.testing.assert_close(reader_scatter(points, everyone(points), keep_bias=False)[0], wanted)


def test_three_readers_on_paper():
    # along x 0, 3, 6 about 3: 18 over 2 degrees of freedom
    points = torch.tensor([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]]).view(1, 3, 1, 2)
    torch.testing.assert_close(reader_scatter(points, everyone(points))[0], torch.diag(torch.tensor([9.0, 0.0])))


@pytest.mark.parametrize('readers', [2, 4])
@pytest.mark.parametrize('keep_bias', [True, False])
def test_known_noise_is_recovered(readers, keep_bias, generator):
    points, _ = marks(generator, readers=readers)
    torch.testing.assert_close(reader_scatter(points, everyone(points), keep_bias), NOISE, rtol=0.08, atol=0.15)


def test_offsets_are_kept_or_removed(generator):
    points, offsets = marks(generator, readers=3, bias=5.0)
    without = reader_scatter(points, everyone(points), keep_bias=False)
    torch.testing.assert_close(without, NOISE, rtol=0.08, atol=0.15)
    between = torch.stack([torch.cov(offsets[:, k].T) for k in range(2)])  # a sample covariance of three readers
    kept = reader_scatter(points, everyone(points))
    torch.testing.assert_close(kept, NOISE + between, rtol=0.05, atol=0.3)


def test_offsets_are_removed_where_not_everyone_read_everything(generator):
    points, _ = marks(generator, readers=4, bias=8.0)
    visible = torch.rand(*points.shape[:3], generator=generator) < 0.6
    found = reader_scatter(points, visible, keep_bias=False)
    torch.testing.assert_close(found, NOISE, rtol=0.1, atol=0.2)


def test_two_pairs_of_readers_who_share_no_image_cost_two_offsets():
    points = torch.zeros(8, 4, 1, 2, dtype=torch.float64)
    visible = torch.zeros(8, 4, 1)
    visible[:4, :2], visible[4:, 2:] = 1, 1
    points[:4, 1, 0, 0] = torch.tensor([3.0, 5.0, 3.0, 5.0], dtype=torch.float64)
    points[4:, 3, 0, 0] = torch.tensor([-1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    # 8 differences of +-1 about their pair's mean: 8 * 1 / 2 over 8 - 2 degrees of freedom
    found = reader_scatter(points, visible, keep_bias=False)[0]
    assert found[0, 0].item() == pytest.approx(4 / 6) and found[1, 1] == 0


def test_few_images_are_drawn_towards_all_keypoints():
    # half the squared differences: 2 * 8 for the first keypoint, in two images; 100 * 0.5 for the second
    points = torch.zeros(100, 2, 2, 2, dtype=torch.float64)
    visible = torch.ones(100, 2, 2)
    visible[2:, 1, 0] = 0
    points[:2, 1, 0, 0], points[:, 1, 1, 1] = 4, 1
    pooled = torch.diag(torch.tensor([16.0, 50.0], dtype=torch.float64)) / 102
    found = reader_scatter(points, visible, prior=5)
    first = (torch.diag(torch.tensor([16.0, 0.0], dtype=torch.float64)) + 5 * pooled) / 7
    second = (torch.diag(torch.tensor([0.0, 50.0], dtype=torch.float64)) + 5 * pooled) / 105
    torch.testing.assert_close(found, torch.stack((first, second)))
    strong = reader_scatter(points, visible, prior=1e9)
    torch.testing.assert_close(strong, pooled.expand(2, 2, 2))
    assert reader_scatter(points, visible, prior=1e-9)[0, 0, 0].item() == pytest.approx(8)


def test_a_keypoint_that_nobody_read_twice_has_the_covariance_of_all(generator):
    points, _ = marks(generator, images=50)
    visible = everyone(points)
    visible[:, 1, 1] = 0
    points[:, 1, 1] = float('nan')
    found = reader_scatter(points, visible)
    torch.testing.assert_close(found[1], reader_scatter(points[:, :, :1], visible[:, :, :1])[0])


def test_without_anything_to_compare_it_is_not_a_number():
    points = torch.rand(3, 2, 2, 2)
    assert reader_scatter(points, torch.tensor([1.0, 0.0])[:, None].expand(3, 2, 2)).isnan().all()
    assert reader_scatter(points[:1], torch.ones(1, 2, 2), keep_bias=False).isnan().all()


@pytest.mark.parametrize('keep_bias', [True, False])
def test_commutes_with_linear_maps_and_shifts_of_images(keep_bias, generator):
    points, _ = marks(generator, images=6, readers=3, bias=1)
    visible = torch.rand(6, 3, 2, generator=generator) < 0.9
    matrix = torch.tensor([[1.5, 0.4], [-2.0, 0.3]], dtype=torch.float64)
    moved = points @ matrix.T + 1000 * torch.rand(6, 1, 2, 2, generator=generator, dtype=torch.float64)
    found = reader_scatter(moved, visible, keep_bias)
    torch.testing.assert_close(found, transform(reader_scatter(points, visible, keep_bias), matrix))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(2, 4), st.integers(0, 10**6), st.booleans())
def test_positive_definite_as_soon_as_readers_differ(images, readers, seed, keep_bias):
    generator = torch.Generator().manual_seed(seed)
    points, _ = marks(generator, images=max(images, 3), readers=readers, bias=1)
    visible = torch.rand(*points.shape[:3], generator=generator) < 0.8
    visible[:3] = True
    found = reader_scatter(points, visible, keep_bias)
    torch.testing.assert_close(found, found.mT)
    assert (torch.linalg.eigvalsh(found) > 0).all()
