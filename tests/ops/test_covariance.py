"""The algebra of covariances against torch.linalg, by hand and by sampling."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops import covariance
from hybridkp.ops.covariance import area, determinant, from_sigmas, inverse, merge, mirror, to_sigmas, transform

widths = st.floats(0.1, 50)
angles = st.floats(-math.pi / 2 + 0.01, math.pi / 2 - 0.01)


def random_covariances(generator, *shape):
    """Positive definite matrices (*shape, 2, 2) in float64."""
    roots = torch.randn(*shape, 2, 2, generator=generator, dtype=torch.float64)
    return roots @ roots.transpose(-1, -2) + 0.1 * torch.eye(2, dtype=torch.float64)


def test_closed_forms_agree_with_linalg(generator):
    matrices = torch.randn(5, 3, 2, 2, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(determinant(matrices), torch.linalg.det(matrices))
    torch.testing.assert_close(inverse(matrices), torch.linalg.inv(matrices))
    covariances = random_covariances(generator, 5, 3)
    torch.testing.assert_close(area(covariances), torch.linalg.eigvalsh(covariances).prod(dim=-1).sqrt())
    sigma1, sigma2, _ = to_sigmas(covariances)
    torch.testing.assert_close(torch.stack((sigma2, sigma1), dim=-1), torch.linalg.eigvalsh(covariances).sqrt())


def test_area_of_a_matrix_that_rounding_made_indefinite_is_zero():
    assert area(torch.tensor([[1.0, 1.0 + 1e-6], [1.0 + 1e-6, 1.0]])) == 0


def test_transform_is_what_happens_to_samples(generator):
    maps, covariances = torch.randn(4, 2, 2, generator=generator, dtype=torch.float64), random_covariances(generator, 4)
    points = torch.randn(50000, 4, 2, 1, generator=generator, dtype=torch.float64)
    points = maps @ torch.linalg.cholesky(covariances) @ points
    sampled = torch.stack([torch.cov(points[:, i, :, 0].T) for i in range(4)])
    difference = torch.linalg.matrix_norm(sampled - transform(covariances, maps))
    assert (difference < 0.03 * torch.linalg.matrix_norm(sampled)).all()


def test_transform_and_mirror_by_hand():
    s = torch.tensor([[4.0, 1.0], [1.0, 2.0]])
    assert torch.equal(transform(s, torch.tensor([[2.0, 0.0], [0.0, 3.0]])), torch.tensor([[16.0, 6.0], [6.0, 18.0]]))
    assert torch.equal(mirror(s), torch.tensor([[4.0, -1.0], [-1.0, 2.0]]))
    assert torch.equal(mirror(mirror(s)), s)
    assert torch.equal(mirror(s), transform(s, torch.tensor([[-1.0, 0.0], [0.0, 1.0]])))


def test_angle_turns_from_x_towards_y():
    torch.testing.assert_close(
        from_sigmas(*torch.tensor([3.0, 1.0, math.pi / 4])), torch.tensor([[5.0, 4.0], [4.0, 5.0]])
    )
    sigma1, sigma2, angle = to_sigmas(torch.diag(torch.tensor([1.0, 9.0])))
    assert (sigma1, sigma2) == (3, 1) and angle == pytest.approx(math.pi / 2)
    assert [value.item() for value in to_sigmas(4 * torch.eye(2))] == [2, 2, 0]


@settings(max_examples=50, deadline=None)
@given(widths, st.floats(1.01, 10), angles)
def test_sigmas_come_back(sigma2, ratio, angle):
    given_sigmas = torch.tensor([sigma2 * ratio, sigma2, angle], dtype=torch.float64)
    back = torch.stack(to_sigmas(from_sigmas(*given_sigmas)))
    torch.testing.assert_close(back, given_sigmas, rtol=1e-6, atol=1e-6)


def test_merge_by_hand():
    points = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
    covariances = torch.stack((torch.eye(2), 2 * torch.eye(2)))
    # 3/4 and 1/4: mean 1; within 3/4 * 1 + 1/4 * 2 = 1.25; between, along x, 3/4 * 1^2 + 1/4 * 3^2 = 3
    mean, merged = merge(points, covariances, torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(mean, torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(merged, torch.diag(torch.tensor([4.25, 1.25])))


def test_merge_takes_the_most_confident_of_estimates_that_do_not_agree():
    points = torch.tensor([[0.0, 0.0], [20.0, 0.0]])
    covariances = torch.stack((torch.eye(2), 2 * torch.eye(2)))
    # 20^2 / (1 + 2) = 133 > 9.21; about the first: 3/4 * 1 + 1/4 * 2 = 1.25, and along x 1/4 * 20^2 = 100 more
    mean, merged = merge(points, covariances, torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(mean, points[0])
    torch.testing.assert_close(merged, torch.diag(torch.tensor([101.25, 1.25])))
    assert torch.equal(merge(points, covariances, torch.tensor([1.0, 3.0]))[0], points[1])
    for order in ([0, 1], [1, 0]):  # of equal weights the narrower one, in any order
        assert torch.equal(merge(points[order], covariances[order], torch.ones(2))[0], points[0])


def test_merge_leaves_an_outlier_out_of_the_point_but_not_of_the_covariance():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 30.0]])
    mean, merged = merge(points, torch.eye(2).repeat(3, 1, 1), torch.ones(3))
    torch.testing.assert_close(mean, torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(merged[1, 1], torch.tensor(1 + 30.0**2 / 3))


def test_merge_is_the_covariance_of_the_mixture(generator):
    points = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    covariances = random_covariances(generator, 3) + 2 * torch.eye(2, dtype=torch.float64)  # wide enough to agree
    weights = torch.tensor([0.2, 1.0, 0.4], dtype=torch.float64)
    chosen = torch.multinomial(weights, 200000, replacement=True, generator=generator)
    noise = torch.randn(200000, 2, 1, generator=generator, dtype=torch.float64)
    samples = points[chosen] + (torch.linalg.cholesky(covariances)[chosen] @ noise).squeeze(-1)
    mean, merged = merge(points, covariances, weights)
    torch.testing.assert_close(mean, samples.mean(dim=0), rtol=0, atol=0.03)
    torch.testing.assert_close(merged, torch.cov(samples.T), rtol=0.02, atol=0.05)


def test_merge_of_equal_estimates_changes_nothing_and_disagreement_widens(generator):
    covariances = random_covariances(generator, 1, 6).expand(2, 6, 2, 2)
    points = torch.randn(1, 6, 2, generator=generator, dtype=torch.float64).expand(2, 6, 2)
    weights = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    mean, merged = merge(points, covariances, weights)
    torch.testing.assert_close(mean, points[0])
    torch.testing.assert_close(merged, covariances[0])
    _, wider = merge(points + torch.tensor([0.0, 2.0])[:, None, None], covariances, weights)
    assert (torch.linalg.eigvalsh(wider - merged) > -1e-9).all() and (area(wider) > area(merged)).all()


def test_merge_stays_positive_definite_and_zero_weights_count_as_equal(generator):
    points = 0.5 * torch.randn(4, 5, 7, 2, generator=generator)
    covariances = random_covariances(generator, 4, 5, 7).float() + torch.eye(2)
    weights = torch.rand(4, 5, 7, generator=generator)
    weights[1:, 0], weights[:, 1] = 0, 0
    mean, merged = merge(points, covariances, weights)
    assert mean.shape == (5, 7, 2) and merged.shape == (5, 7, 2, 2)
    assert (torch.linalg.eigvalsh(merged) > 0).all()
    torch.testing.assert_close(mean[0], points[0, 0])
    torch.testing.assert_close(merged[0], covariances[0, 0])
    torch.testing.assert_close(mean[1], points[:, 1].mean(dim=0))
    assert torch.equal(mean[1], merge(points, covariances, torch.ones_like(weights))[0][1])


@pytest.mark.parametrize('name', ['determinant', 'inverse', 'area', 'mirror', 'to_sigmas'])
def test_gradients(name, generator):
    covariances = random_covariances(generator, 3).requires_grad_()
    assert torch.autograd.gradcheck(getattr(covariance, name), covariances)


def test_gradients_of_many_arguments(generator):
    covariances = random_covariances(generator, 2, 3).requires_grad_()
    other = torch.randn(2, 3, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = (torch.rand(2, 3, generator=generator, dtype=torch.float64) + 0.1).requires_grad_()
    sigmas = (torch.rand(3, 4, generator=generator, dtype=torch.float64) + 1).requires_grad_()
    assert torch.autograd.gradcheck(transform, (covariances, other))
    assert torch.autograd.gradcheck(merge, (other[..., 0], covariances, weights))
    assert torch.autograd.gradcheck(lambda sigmas: from_sigmas(*sigmas), sigmas)
