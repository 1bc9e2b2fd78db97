"""Changes of the light: within the range, by the seed, and none at strength 0."""

import pytest
import torch

from hybridkp.ops.photometric import change_photometry


@pytest.fixture
def images(generator):
    return torch.rand(6, 3, 20, 30, generator=generator)


def seeded(number=1):
    return torch.Generator().manual_seed(number)


def test_the_result_is_an_image_of_its_own_and_repeats(images):
    changed = change_photometry(images, 1.0, seeded())
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    assert torch.equal(changed, change_photometry(images, 1.0, seeded()))
    assert not torch.equal(changed, change_photometry(images, 1.0, seeded(2)))
    shifts = (changed - images).mean(dim=(1, 2, 3))
    assert shifts.std() > 0.01  # each image by itself


def test_no_strength_is_no_change(images):
    torch.testing.assert_close(change_photometry(images, 0.0, seeded()), images, rtol=0, atol=1e-5)


def test_a_flat_image_stays_flat_up_to_the_noise():
    flat = torch.full((64, 1, 9, 11), 0.5)
    changed = change_photometry(flat, 1.0, seeded())
    spread = changed.std(dim=(1, 2, 3))
    assert spread.max() < 0.04 and spread.min() < 0.005
    means = changed.mean(dim=(1, 2, 3))  # 0.5 to the power 2/3 .. 3/2, brightened by up to 0.15
    assert means.min() > 0.35 - 0.16 and means.max() < 0.63 + 0.16 and means.std() > 0.08


def test_half_of_the_images_are_blurred():
    lines = (torch.arange(40) % 2).float().expand(200, 1, 12, 40) * 0.2 + 0.4
    contrast = change_photometry(lines, 1.0, seeded())[..., 6:-6].std(dim=(1, 2, 3))
    blurred = (contrast < 0.05).float().mean()
    assert 0.2 < blurred < 0.6


def test_in_double_precision(images):
    assert change_photometry(images.double(), 1.0, seeded()).dtype == torch.float64
