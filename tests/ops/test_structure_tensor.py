"""The structure tensor: on paper, turned, mirrored, at the border, and against the whole image's convolution."""

import math

import pytest
import torch
import torch.nn.functional as F

from hybridkp.ops.covariance import mirror, to_sigmas, transform
from hybridkp.ops.structure_tensor import structure_tensor


def ramp(gx, gy, size=(40, 50)):
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing='ij')
    return (gx * columns + gy * rows)[None, None]


def smooth_noise(generator, size=(61, 61)):
    noise = torch.randn(1, 1, *size, generator=generator, dtype=torch.float64)
    return F.avg_pool2d(noise, 5, stride=1, padding=2)


def test_of_a_ramp_on_paper():
    points = torch.tensor([[[20.0, 20.0], [25.3, 17.8]]], dtype=torch.float64)
    wanted = torch.tensor([[4.0, -6.0], [-6.0, 9.0]], dtype=torch.float64)
    torch.testing.assert_close(structure_tensor(ramp(2, -3), points, 2), wanted.expand(1, 2, 2, 2))


def test_of_a_step_on_paper():
    # a step between the columns 19 and 20: Sobel's gradient is 1/2 in both and 0 elsewhere
    image = (torch.arange(40.0) >= 20).float().expand(1, 1, 40, 40)
    found = structure_tensor(image, torch.tensor([[[19.5, 20.0], [19.0, 20.0]]]), 1.5)
    columns = torch.exp(-torch.arange(-30, 31).square() / 2 / 1.5**2).sum()  # the window's sum along a line
    halves = torch.exp(-((torch.arange(-30, 30) + 0.5) ** 2) / 2 / 1.5**2).sum()
    between, on = 2 * math.exp(-(0.5**2) / 2 / 1.5**2) / halves, (1 + math.exp(-1 / 2 / 1.5**2)) / columns
    torch.testing.assert_close(found[0, :, 0, 0], torch.stack((between, on)) / 4, rtol=0.01, atol=0)
    assert (found[..., 0, 1] == 0).all() and (found[..., 1, 1] == 0).all()


def test_a_flat_image_has_none():
    assert not structure_tensor(torch.full((2, 3, 20, 20), 7.0), torch.full((2, 4, 2), 10.0), 2).any()


def test_channels_count_by_their_mean():
    colours = torch.cat((ramp(3, 0), ramp(0, 3), ramp(0, 0)), dim=1)
    points = torch.tensor([[[20.0, 20.0]]], dtype=torch.float64)
    torch.testing.assert_close(structure_tensor(colours, points, 2), structure_tensor(ramp(1, 1), points, 2))


def test_patches_give_what_the_whole_image_gives(generator):
    image, window = smooth_noise(generator), 2.0
    smooth, slope = torch.tensor([1.0, 2.0, 1.0]).double() / 4, torch.tensor([-1.0, 0.0, 1.0]).double() / 2
    gx = F.conv2d(image, (smooth[:, None] * slope)[None, None], padding=1)
    gy = F.conv2d(image, (slope[:, None] * smooth)[None, None], padding=1)
    gauss = torch.exp(-torch.arange(-6, 7).double().square() / 2 / window**2)
    kernel = (gauss[:, None] * gauss)[None, None] / gauss.sum() ** 2
    xx, xy, yy = (F.conv2d(product, kernel, padding=6)[0, 0] for product in (gx * gx, gx * gy, gy * gy))
    whole = torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))
    points = torch.tensor([[20, 30], [41, 15]])
    found = structure_tensor(image, points[None].double(), window)
    torch.testing.assert_close(found[0], whole[points[:, 1], points[:, 0]])


@pytest.mark.parametrize('angle', range(0, 180, 15))
def test_an_edge_has_its_normal(angle):
    normal = math.radians(angle)
    distance = ramp(math.cos(normal), math.sin(normal), (61, 61)) - 30 * (math.cos(normal) + math.sin(normal))
    points = torch.tensor([[[30.0, 30.0], [30.4, 29.7]]], dtype=torch.float64)
    tensor = structure_tensor(torch.sigmoid(distance), points, 2.5)
    large, small, found = to_sigmas(tensor)
    turned = torch.remainder(found - normal + math.pi / 2, math.pi) - math.pi / 2
    assert turned.abs().max() < math.radians(1.5) and (small / large).max() < 0.05


def test_commutes_with_quarter_turns_and_mirroring(generator):
    image = smooth_noise(generator)
    points = torch.tensor([[[20.3, 31.8], [2.1, 5.0]]], dtype=torch.float64)
    tensors, x, y = structure_tensor(image, points, 3), *points.unbind(dim=-1)
    mirrored = structure_tensor(image.flip(-1), torch.stack((60 - x, y), dim=-1), 3)
    torch.testing.assert_close(mirrored, mirror(tensors))
    turned = structure_tensor(image.rot90(1, (2, 3)), torch.stack((y, 60 - x), dim=-1), 3)
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(turned, transform(tensors, quarter))


def test_what_is_outside_does_not_count(generator):
    image = smooth_noise(generator)
    points = torch.tensor([[[30.0, 30.0], [1.0, 30.0]]], dtype=torch.float64)
    cut = structure_tensor(image[..., 20:41, 20:41], points[:, :1] - 20, 2)
    torch.testing.assert_close(cut, structure_tensor(image, points[:, :1], 2))
    slope = structure_tensor(ramp(0, 2), points[:, 1:], 2)  # constant along the border
    torch.testing.assert_close(slope[0, 0], torch.diag(torch.tensor([0.0, 4.0], dtype=torch.float64)))


def test_any_point_and_any_small_image_will_do(generator):
    points = torch.tensor([[[float('nan'), 3.0], [float('inf'), -1e30], [-50.0, 90.0], [0.0, 0.0]]])
    for size in ((61, 61), (3, 2), (1, 1)):
        tensors = structure_tensor(smooth_noise(generator, size).float(), points, 3)
        assert tensors.isfinite().all() and torch.equal(tensors, tensors.mT)
        assert (torch.linalg.eigvalsh(tensors) > -1e-6).all()
    assert structure_tensor(torch.rand(2, 1, 9, 9), torch.rand(2, 0, 2), 1).shape == (2, 0, 2, 2)


def test_half_precision_is_not_kept_and_no_value_is_asked_for():
    assert structure_tensor(torch.rand(1, 1, 9, 9).half(), torch.ones(1, 2, 2), 1).dtype == torch.float32
    assert structure_tensor(torch.rand(2, 3, 9, 9, device='meta'), torch.ones(2, 5, 2, device='meta'), 1).shape == (
        2,
        5,
        2,
        2,
    )
