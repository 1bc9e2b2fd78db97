"""Shapes of blobs from their responses, by the closed form and its isotropic special case."""

import math

import pytest
import torch

from hybridkp.ops.anisotropic_filters import directions
from hybridkp.ops.anisotropic_shape import LONGEST, blob_covariances, gaussian_response, second_harmonic
from hybridkp.ops.covariance import to_sigmas

DOUBLE = torch.zeros((), dtype=torch.float64)


def responses(axes, angle, sigma, orientations=8, anisotropy=1.25):
    """Responses of a bright Gaussian blob at its centre, in closed form."""
    axes, sigma = torch.tensor(axes, dtype=torch.float64), torch.as_tensor(sigma, dtype=torch.float64)
    turned = directions(orientations, DOUBLE) - angle
    return -gaussian_response(axes, turned, sigma / anisotropy, sigma * anisotropy)


def best_sigma(axes, orientations=8, anisotropy=1.25):
    sigmas = torch.linspace(0.3, 3, 2000, dtype=torch.float64) * math.sqrt(axes[0] * axes[1])
    values = [responses(axes, 0.0, sigma.item(), orientations, anisotropy).mean().abs() for sigma in sigmas]
    return sigmas[torch.stack(values).argmax()]


def test_the_closed_form_on_paper():
    # a round blob of s = 3 under a round filter of sigma = 3: sigma^2 s^2 / (s^2 + sigma^2)^2 = 1/4
    found = responses((3.0, 3.0), 0.0, 3.0, anisotropy=1.0)
    torch.testing.assert_close(found, torch.full((8,), -0.25, dtype=torch.float64))
    # a line along x, 4 wide, under a round filter of sigma = 3: across it 16 / 25 of 9 / 25 of a = 3, to the power 1/2
    axes = torch.tensor([1e6, 4.0], dtype=torch.float64)
    across = gaussian_response(axes, torch.tensor(math.pi / 2, dtype=torch.float64), *torch.tensor([3.0, 3.0]))
    assert across.item() == pytest.approx(9 * 4 / 25**1.5)


@pytest.mark.parametrize('anisotropy', [0.8, 1.0, 1.25, 1.5])
@pytest.mark.parametrize('axes', [(3.0, 3.0), (4.0, 3.0), (6.0, 2.5), (12.0, 3.0)])
def test_shapes_are_found_again(axes, anisotropy):
    sigma = best_sigma(axes, anisotropy=anisotropy)
    for angle in (0.0, 0.4, -1.3):
        found, angles = blob_covariances(responses(axes, angle, sigma, anisotropy=anisotropy), sigma, anisotropy)
        major, minor, direction = to_sigmas(found)
        assert major.item() == pytest.approx(axes[0], rel=0.03) and minor.item() == pytest.approx(axes[1], rel=0.03)
        if axes[0] > axes[1]:
            assert math.remainder(direction.item() - angle, math.pi) == pytest.approx(0, abs=0.02)
            assert math.remainder(angles.item() - angle, math.pi) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize('ratio', [1.0, 1.7, 4.0])
def test_the_isotropic_filter_has_a_formula(ratio):
    # k is the ratio of the responses, q = (1 + k^2) / (1 + k) + (1 + k) / 2; s^2 = sigma^2 (q - 1), sigma^2 (q / k - 1)
    sigma = best_sigma((2 * ratio, 2.0), anisotropy=1.0).item()
    found = responses((2 * ratio, 2.0), 0.0, sigma, anisotropy=1.0)
    k = (found[0] / found[4]).item()
    q = (1 + k**2) / (1 + k) + (1 + k) / 2
    major, minor, _ = to_sigmas(blob_covariances(found, torch.tensor(sigma), 1.0)[0])
    assert minor.item() == pytest.approx(sigma * math.sqrt(q - 1), rel=2e-3)
    assert major.item() == pytest.approx(sigma * math.sqrt(q / k - 1), rel=2e-3)


def test_the_harmonic_on_paper():
    angles = directions(16, DOUBLE)
    elongation, angle = second_harmonic(3 * (1 - 0.5 * torch.cos(2 * (angles - 0.7))))
    assert elongation.item() == pytest.approx(0.5) and angle.item() == pytest.approx(0.7)
    bright = second_harmonic(-3 * (1 - 0.5 * torch.cos(2 * (angles - 0.7))))
    assert bright[1].item() == pytest.approx(0.7)


def test_what_no_blob_answers_is_finite_and_definite():
    odd = torch.tensor([[1.0, -1, 1, -1, 1, -1, 1, -1], [0.0] * 8, [1.0, 0, 0, 0, 0, 0, 0, 0]])
    found, angles = blob_covariances(odd, torch.full((3,), 4.0), 1.25)
    major, minor, _ = to_sigmas(found)
    assert found.isfinite().all() and angles.isfinite().all() and (minor > 0).all()
    assert (major / minor <= LONGEST * 1.001).all()
