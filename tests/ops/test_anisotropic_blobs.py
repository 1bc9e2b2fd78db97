"""Blobs of synthetic images: place, scale, direction and shape; what is none is not found; no host waits."""

import math

import pytest
import torch

from hybridkp.ops.anisotropic_blobs import detect_blobs
from hybridkp.ops.covariance import to_sigmas

BLOBS = [  # x, y, long, short, angle, contrast
    (40.3, 30.7, 4.0, 3.0, 0.6, 0.4),
    (110.5, 40.5, 5.0, 2.5, -1.1, -0.3),
    (60.0, 90.2, 3.0, 3.0, 0.0, 0.35),
    (120.6, 100.1, 6.0, 4.0, 1.4, -0.25),
]


def picture(blobs, size=(130, 160), dtype=torch.float32):
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing='ij')
    image = torch.full(size, 0.5, dtype=torch.float64)
    for x, y, major, minor, angle, contrast in blobs:
        p = (columns - x) * math.cos(angle) + (rows - y) * math.sin(angle)
        q = (rows - y) * math.cos(angle) - (columns - x) * math.sin(angle)
        image += contrast * torch.exp(-p.square() / (2 * major**2) - q.square() / (2 * minor**2))
    return image.to(dtype)[None]


def nearest(found, x, y):
    return torch.hypot(found.points[0, :, 0] - x, found.points[0, :, 1] - y).argmin().item()


@pytest.mark.parametrize('anisotropy', [1.0, 1.25])
@pytest.mark.parametrize('orientations', [8, 16])
def test_place_scale_direction_and_shape(anisotropy, orientations):
    found = detect_blobs(picture(BLOBS), 8, (2.0, 12.0, 3), orientations, anisotropy)
    assert (found.strengths != 0).sum() == 4
    for x, y, major, minor, angle, contrast in BLOBS:
        place = nearest(found, x, y)
        assert found.points[0, place].tolist() == pytest.approx([x, y], abs=0.1)
        assert found.strengths[0, place].sign() == -math.copysign(1, contrast)
        sigma1, sigma2, direction = to_sigmas(found.covariances[0, place])
        assert sigma1.item() == pytest.approx(major, rel=0.06) and sigma2.item() == pytest.approx(minor, rel=0.06)
        if major > minor:
            assert math.remainder(direction.item() - angle, math.pi) == pytest.approx(0, abs=0.06)
            assert math.remainder(found.angles[0, place].item() - angle, math.pi) == pytest.approx(0, abs=0.06)


def test_strength_and_scale_of_a_round_blob_on_paper():
    # facts: with anisotropy 1, sigma is the blob's own and the measure a quarter of its contrast
    found = detect_blobs(picture([(60.2, 60.7, 4.0, 4.0, 0.0, 0.4)]), 3, (2.0, 8.0, 3), 8, 1.0)
    assert found.strengths[0].tolist() == pytest.approx([-0.1, 0, 0], abs=5e-4)
    assert found.sigmas[0, 0].item() == pytest.approx(4, rel=0.01)


def test_a_disc_is_found_at_its_radius_over_the_root_of_two():
    rows, columns = torch.meshgrid(torch.arange(120.0), torch.arange(120.0), indexing='ij')
    image = (torch.hypot(columns - 60, rows - 60) <= 12).float()
    found = detect_blobs(image[None], 1, (3.0, 12.0, 4), 8, 1.0)
    assert found.sigmas[0, 0].item() == pytest.approx(12 / math.sqrt(2), rel=0.02)
    assert found.points[0, 0].tolist() == pytest.approx([60, 60], abs=0.05)


def test_edges_ridges_ramps_and_flat_images_have_no_blob():
    rows, columns = torch.meshgrid(torch.arange(90.0), torch.arange(90.0), indexing='ij')
    tilted = columns + 0.3 * rows
    images = torch.stack(
        (
            torch.full((90, 90), 0.5),
            tilted / 150,
            (tilted > 50).float(),
            torch.exp(-(tilted - 50).square() / 20),
        )
    )
    found = detect_blobs(images, 50)
    inner = ((found.points > 12) & (found.points < 78)).all(dim=-1)  # where a line ends at the border there is an end
    assert ((found.strengths != 0) & inner).sum(dim=1).tolist() == [0, 0, 0, 0]
    assert (found.strengths[:2] == 0).all()


def test_the_strongest_come_first_and_the_weak_not_at_all():
    image = picture(BLOBS)
    found = detect_blobs(image, 8, (2.0, 12.0, 3))
    strengths = found.strengths[0].abs()
    assert (strengths[:-1] >= strengths[1:]).all()
    two = detect_blobs(image, 2, (2.0, 12.0, 3))
    torch.testing.assert_close(two.points, found.points[:, :2])
    limit = (strengths[1] + strengths[2]).item() / 2
    assert (detect_blobs(image, 8, (2.0, 12.0, 3), threshold=limit).strengths != 0).sum() == 2


def test_of_overlapping_blobs_the_stronger_one_stays(generator):
    image = torch.rand(1, 200, 200, generator=generator)
    found = detect_blobs(image, 200, threshold=0.001)
    there = found.strengths[0] != 0
    points, sigmas = found.points[0, there], found.sigmas[0, there]
    assert there.sum() > 20
    for i in range(len(points)):  # sorted by strength: each is apart from all stronger ones
        distance = (points[:i] - points[i]).norm(dim=1)
        alike = (sigmas[:i] / sigmas[i]).log().abs() < math.log(2)
        assert not ((distance < sigmas[:i]) & alike).any()


def test_a_quarter_turn_and_a_mirror_move_the_blobs(generator):
    image = torch.rand(1, 64, 80, generator=generator, dtype=torch.float64)
    found = detect_blobs(image, 5)
    assert (found.strengths != 0).all()
    turned = detect_blobs(image.rot90(-1, (1, 2)), 5)
    expected = torch.stack((63 - found.points[..., 1], found.points[..., 0]), dim=-1)
    torch.testing.assert_close(turned.points, expected, atol=1e-6, rtol=0)
    mirrored = detect_blobs(image.flip(2), 5)
    torch.testing.assert_close(mirrored.points[..., 0], 79 - found.points[..., 0], atol=1e-6, rtol=0)
    signs = torch.tensor([[1, -1], [-1, 1]])
    torch.testing.assert_close(mirrored.covariances, found.covariances * signs, atol=1e-5, rtol=1e-4)


def test_images_of_a_batch_do_not_touch_each_other():
    first, second = picture(BLOBS[:2]), picture(BLOBS[2:])
    both = detect_blobs(torch.cat((first, second)), 6)
    for image, alone in enumerate((first, second)):
        single = detect_blobs(alone, 6)
        for field, expected in zip(both, single, strict=True):
            torch.testing.assert_close(field[image], expected[0], rtol=1e-4, atol=1e-4)


def test_no_host_waits():
    """On the device 'meta' there are no values: whatever asks for one raises."""
    found = detect_blobs(torch.empty(2, 64, 64, device='meta'), 30)
    assert [tuple(field.shape) for field in found] == [(2, 30, 2), (2, 30), (2, 30), (2, 30), (2, 30, 2, 2)]


@pytest.mark.parametrize('size', [(1, 1), (2, 40), (5, 5)])
def test_tiny_images_have_empty_places(size, generator):
    found = detect_blobs(torch.rand(1, *size, generator=generator), 4)
    assert found.points.shape == (1, 4, 2) and all(field.isfinite().all() for field in found)


def test_a_filter_of_less_than_a_pixel_is_refused():
    with pytest.raises(ValueError, match='at least 1 px wide'):
        detect_blobs(torch.zeros(1, 20, 20), 4, (1.0, 8.0, 3))
