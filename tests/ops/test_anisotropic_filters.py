"""The filters against closed forms, and their symmetries."""

import json
import math
from pathlib import Path

import pytest
import torch

from hybridkp.ops.anisotropic_filters import (
    blob_kernel,
    blob_measure,
    directional_kernels,
    directional_responses,
    geometric_scales,
    mirrored,
)

FIXTURE = json.loads((Path(__file__).parents[1] / 'data/anisotropic_filters/closed_form.json').read_text())
DOUBLE = torch.zeros((), dtype=torch.float64)


def grid(half):
    steps = torch.arange(-half, half + 1, dtype=torch.float64)
    return torch.meshgrid(steps, steps, indexing='xy')


def blob(stds, angle=0.0, half=70):
    x, y = grid(half)
    p, q = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return torch.exp(-p.square() / (2 * stds[0] ** 2) - q.square() / (2 * stds[1] ** 2))


def anisotropy(case):
    return case['rho'] if case['convention'] == 'A' else 1 / case['rho']


@pytest.mark.parametrize('case', FIXTURE['cases'], ids=lambda case: f'{case["convention"]}-{case["rho"]}')
def test_blobs_of_the_closed_form(case):
    image = blob(case['blob_std'], case['blob_angle'])
    x, y = (round(70 + offset) for offset in case['offset'])
    measure = blob_measure(image[None], [case['sigma']], 8, anisotropy(case))[0, 0]
    assert measure.shape == image.shape
    scale = abs(case['measure_K8_at_centre'])
    assert measure[70, 70] == pytest.approx(case['measure_K8_at_centre'], abs=5e-3 * scale)
    assert measure[y, x] == pytest.approx(case['measure_K8_at_offset'], abs=5e-3 * scale)


@pytest.mark.parametrize('case', FIXTURE['cases'][:6], ids=lambda case: f'{case["convention"]}-{case["rho"]}')
def test_one_direction_of_the_closed_form(case):
    # the picture is turned instead of the filter, whose first direction is the x axis
    image = blob(case['blob_std'], case['blob_angle'] - case['theta'])
    rho = anisotropy(case)
    along = case['sigma'] / rho
    found = directional_responses(image[None], case['sigma'], 8, rho)[0, 0, 70, 70] / along**2
    assert found == pytest.approx(case['response_at_centre'], rel=5e-3)


@pytest.mark.parametrize(
    'case', FIXTURE['scale_selection'], ids=lambda c: f'{c["convention"]}-{c["rho"]}-{c["blob_std"]}'
)
def test_the_scale_that_answers_most(case):
    sigmas = [case['best_sigma'] * factor for factor in (0.97, 1, 1.03)]
    below, best, above = blob_measure(blob(case['blob_std'])[None], sigmas, 8, anisotropy(case))[0, :, 70, 70].abs()
    assert best == pytest.approx(case['measure_magnitude'], rel=5e-3) and best >= below and best >= above


def test_flat_and_linear_images_have_no_answer():
    x, y = grid(40)
    for image in (torch.full_like(x, 0.7), 0.02 * x - 0.03 * y + 5):
        responses = directional_responses(image[None], 4.0, 8, 1.25)[..., 30:50, 30:50]
        assert responses.abs().max() < 1e-12
    assert blob_measure(torch.full((1, 20, 30), 0.3), [2, 5.5]).abs().max() < 1e-6


def test_parabolas_are_answered_by_the_squared_cosine():
    x, y = grid(40)
    for angle in (0.0, 0.4, 2.0):
        image = (x * math.cos(angle) + y * math.sin(angle)).square() / 2
        found = directional_responses(image[None], 4.0, 12, 1.25)[0, :, 40, 40] / (4 / 1.25) ** 2
        wanted = torch.cos(angle - torch.arange(12) * math.pi / 12).square().double()
        torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize('orientations', [3, 8, 16])
def test_the_isotropic_limit_is_half_the_laplacian_of_a_gaussian(orientations):
    sigma = 3.0
    kernel = blob_kernel(sigma, orientations, 1.0, DOUBLE)
    x, y = grid(kernel.shape[-1] // 2)
    squared = x.square() + y.square()
    gaussian = torch.exp(-squared / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    laplacian = gaussian * (squared / sigma**4 - 2 / sigma**2)
    torch.testing.assert_close(kernel, sigma**2 * laplacian / 2, rtol=0, atol=3e-4 * kernel.abs().max().item())


def test_kernels_sum_to_zero_and_have_their_second_moment():
    for rho in (0.8, 1.0, 1.5):
        kernels = directional_kernels(3.0, 8, rho, DOUBLE)
        x, y = grid(kernels.shape[-1] // 2)
        for k, kernel in enumerate(kernels):
            p = x * math.cos(k * math.pi / 8) + y * math.sin(k * math.pi / 8)
            assert kernel.sum() == pytest.approx(0, abs=1e-12)
            assert (kernel * p.square()).sum() == pytest.approx(2)
        torch.testing.assert_close(kernels, kernels.flip(1, 2))  # even
        torch.testing.assert_close(kernels[4], kernels[0].T)  # a quarter turn
        torch.testing.assert_close(kernels[1], kernels[7].flip(1))  # mirrored


def test_a_step_is_not_answered_along_its_edge():
    image = (torch.arange(61) >= 30).double().expand(61, 61)
    responses = directional_responses(image[None], 3.0, 8, 1.25)[0, :, 30, 28]
    assert responses[4].abs() < 1e-10 and responses[0].abs() > 0.1


def test_turning_the_picture_turns_the_answers(generator):
    image = torch.rand(1, 33, 40, generator=generator, dtype=torch.float64)
    responses = directional_responses(image, 2.5, 8, 1.25)
    turned = directional_responses(image.rot90(-1, (1, 2)), 2.5, 8, 1.25)  # x towards y
    torch.testing.assert_close(turned, responses.roll(4, 1).rot90(-1, (2, 3)))


def test_sizes_scales_and_batches(generator):
    images = torch.rand(3, 17, 50, generator=generator)
    measure = blob_measure(images, [2.0, 4.0], 8, 1.0)
    assert measure.shape == (3, 2, 17, 50) and measure.dtype == torch.float32
    torch.testing.assert_close(blob_measure(images[1:2], [4.0], 8, 1.0)[0, 0], measure[1, 1], rtol=0, atol=1e-5)
    byte = blob_measure((255 * images).byte(), [2.0], 8, 1.0)
    assert byte.dtype == torch.float32
    whole = directional_responses(images, 2.0, 8, 1.0).mean(dim=1)
    torch.testing.assert_close(whole, measure[:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (3, 2)])
def test_images_smaller_than_a_filter(size, generator):
    assert blob_measure(torch.rand(1, *size, generator=generator), [2.0, 8.0]).isfinite().all()


def test_the_border_is_mirrored_as_often_as_needed():
    line = torch.tensor([[[0.0, 1.0, 2.0]]])
    assert mirrored(line, 5)[0, 0].tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]


def test_scales_on_paper():
    assert geometric_scales(2, 8, 1) == [2, 4, 8]
    assert geometric_scales(2, 7.9, 2) == pytest.approx([2, 2 * 2**0.5, 4, 4 * 2**0.5])


def test_bad_settings():
    with pytest.raises(ValueError, match='0 < smallest <= largest .* got 3, 2 and 3'):
        geometric_scales(3, 2)
    with pytest.raises(ValueError, match='at least 1 px wide, got 0.96 along .* sigma 1.2, anisotropy 1.25'):
        blob_measure(torch.zeros(1, 8, 8), [1.2])
    with pytest.raises(ValueError, match='at least 3 orientations, got 2'):
        directional_responses(torch.zeros(1, 8, 8), 3.0, 2)
