"""Published decoders: their own fixtures, mmpose's own functions, and maps that have no good answer."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.codecs.utils import get_heatmap_maximum, refine_keypoints, refine_keypoints_dark, refine_keypoints_dark_udp
from mmpose.codecs.utils.post_processing import gaussian_blur

from hybridkp.ops.published_decoders import (
    average_views,
    blur,
    dark,
    dark_udp,
    gaussian_kernel,
    highest,
    kernel_size,
    quarter_offset,
)

DATA = Path(__file__).parents[1] / 'data/hrnet_w32'
PAIRS = [0, *(k + 1 if k % 2 else k - 1 for k in range(1, 17))]


def maps(seed=0, batch=3, keypoints=17, size=(24, 18)):
    """Peaks of several widths at any place, also beyond the border, with ties, plateaus and empty maps."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    centres = random.uniform(-0.1, 1.1, (batch, keypoints, 2, 1, 1)) * np.reshape(size, (2, 1, 1))
    widths = random.uniform(1, 3, (batch, keypoints, 1, 1))
    heatmaps = np.exp(-((y - centres[:, :, 0]) ** 2 + (x - centres[:, :, 1]) ** 2) / (2 * widths**2))
    heatmaps = random.uniform(0.2, 1.1, (batch, keypoints, 1, 1)) * heatmaps + random.normal(0, 0.003, heatmaps.shape)
    heatmaps[:, 0] = 0
    heatmaps[:, 1] = np.minimum(heatmaps[:, 1], 0.6 * heatmaps[:, 1].max())  # a plateau
    heatmaps[:, 2, 1:] = np.maximum(heatmaps[:, 2, 1:], heatmaps[:, 2, :-1])  # ties
    heatmaps[:, 3] = -0.5 - heatmaps[:, 3]
    return heatmaps.astype(np.float32)


def of_mmpose(heatmaps, refine, **options):
    """Decode maps (B, K, h, w) one sample at a time with mmpose's functions: points in cells, values."""
    points, values = [], []
    for one in heatmaps:
        cells, peaks = get_heatmap_maximum(one)
        with np.errstate(invalid='ignore', divide='ignore'):
            points.append(refine(cells[None].copy(), one.copy(), **options)[0])
        values.append(peaks)
    return np.stack(points), np.stack(values)


def close(found, wanted, atol):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=0, atol=atol)


def close_in_float32(found, wanted, cells):
    """Compare steps from cells of 4 px: nearly all within 1e-4 px.

    mmpose blurs in float32, which is seen in wide peaks and where a flat Hessian makes the step many cells long.
    """
    difference, step = (np.abs(np.asarray(wanted) - np.asarray(other)) for other in (found, cells))
    assert (difference <= 1e-3 * (1 + step**2)).all()
    assert (difference <= 1e-4 / 4).mean() > 0.93


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('size', [(24, 18), (7, 9), (64, 48)])
def test_same_quarters_as_mmpose(seed, size):
    heatmaps = maps(seed, size=size)
    wanted, values = of_mmpose(heatmaps, refine_keypoints)
    cells, scores = highest(torch.from_numpy(heatmaps), empty=-1)
    close(quarter_offset(torch.from_numpy(heatmaps), cells, both_axes=False), wanted, 0)
    close(scores, values, 0)
    assert (wanted[:, (0, 3)] == -1).all() and (cells[..., 0] <= 1).any() and (cells[..., 1] >= size[0] - 2).any()


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('size, kernel', [((24, 18), 11), ((64, 48), 11), ((96, 72), 17), ((24, 18), 7)])
def test_same_dark_as_mmpose(seed, size, kernel):
    heatmaps = maps(seed, size=size)
    wanted, _ = of_mmpose(heatmaps, refine_keypoints_dark, blur_kernel_size=kernel)
    cells, _ = highest(torch.from_numpy(heatmaps), empty=-1)
    found = dark(torch.from_numpy(heatmaps), cells, kernel)
    close_in_float32(found, wanted, cells)
    assert (found != cells).any(dim=-1).float().mean() > 0.3


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('size, kernel', [((24, 18), 11), ((64, 48), 11), ((96, 72), 17)])
def test_same_dark_as_mmpose_in_udp(seed, size, kernel):
    heatmaps = maps(seed, size=size)
    wanted, _ = of_mmpose(heatmaps, refine_keypoints_dark_udp, blur_kernel_size=kernel)
    cells, values = highest(torch.from_numpy(heatmaps), empty=-1)
    found = dark_udp(torch.from_numpy(heatmaps), cells, kernel)
    positive = (values > 0).numpy()
    close_in_float32(found.numpy()[positive], wanted[positive], cells.numpy()[positive])
    assert (found.numpy()[~positive] == -1).all(), 'there mmpose gives NaN, or reads another map'


def test_blur_and_kernels_are_those_of_opencv():
    for size in range(1, 40, 2):
        np.testing.assert_allclose(gaussian_kernel(size), cv2.getGaussianKernel(size, 0)[:, 0], atol=1e-12)
    heatmaps = maps()[:, 4:]
    for size in (3, 11, 17):
        for one, found in zip(heatmaps, blur(torch.from_numpy(heatmaps), size), strict=True):
            close(found, gaussian_blur(one.copy(), size), 1e-6)
    for size in (0, -1, 4):
        with pytest.raises(ValueError, match=f'odd number of cells, not {size}'):
            gaussian_kernel(size)


@pytest.mark.parametrize('sigma, size', [(0.8, 3), (1.5, 7), (2, 11), (2.0000001, 11), (1.9999999, 11), (3, 17)])
def test_kernels_of_the_published_widths(sigma, size):
    assert kernel_size(sigma) == size


def test_fixture_of_the_official_decoder():
    fixture = np.load(DATA / 'official_decode.npz')
    tolerance = json.loads((DATA / 'official_decode.json').read_text())['tolerances']['preds_px']
    heatmaps = torch.from_numpy(fixture['decode/heatmaps'])
    cells, values = highest(heatmaps, empty=0)
    points = to_picture(quarter_offset(heatmaps, cells, both_axes=True).numpy(), fixture, 'decode/', heatmaps.shape)
    close(points, fixture['decode/preds'], tolerance)
    close(values, fixture['decode/maxvals'][..., 0], 0)


def to_picture(points, fixture, prefix, shape):
    """Map points (B, K, 2) in cells to the picture: centre + (p - (W, H) / 2) * 200 scale_x / W."""
    centre, scale = fixture[f'{prefix}center'][:, None], fixture[f'{prefix}scale'][:, None, :1]
    return centre + (points - np.array(shape[:-3:-1]) / 2) * 200 * scale / shape[-1]


def test_fixture_of_paddle():
    fixture = np.load(DATA / 'paddle_postprocess.npz')
    tolerances = json.loads((DATA / 'paddle_postprocess.json').read_text())['tolerances']
    heatmaps = torch.from_numpy(fixture['heatmaps'])
    cells, values = highest(heatmaps, empty=0)
    close(cells, fixture['peak'], 0)
    close(values, fixture['dark/maxvals'][..., 0], tolerances['maxvals'])
    points = dark(heatmaps, cells, 3).numpy()
    close(points, fixture['dark/coords_in_heatmap'], tolerances['coords_in_heatmap'])
    close(to_picture(points, fixture, '', heatmaps.shape), fixture['dark/preds'], tolerances['preds_in_image_pixels'])
    close(blur(heatmaps, 3)[:, 6], fixture['dark/blurred_joint6'], tolerances['blurred'])
    quarters = quarter_offset(heatmaps, cells, both_axes=True).numpy()
    pictured = to_picture(quarters, fixture, '', heatmaps.shape)
    close(pictured, fixture['plain/preds'], tolerances['preds_in_image_pixels'])


def test_fixture_of_the_flip_test():
    fixture = np.load(DATA / 'paddle_postprocess.npz')
    plain, mirrored = (torch.from_numpy(fixture[f'flip/{name}']) for name in ('plain', 'mirrored'))
    kept = mirrored.clone()
    close(average_views(plain, mirrored, PAIRS, 1), fixture['flip/result'], 1e-6)
    assert torch.equal(mirrored, kept)


@pytest.mark.parametrize('shift', [0, 1])
def test_same_flip_test_as_mmpose(shift, generator, mmpose_scope):
    from mmpose.models.utils.tta import flip_heatmaps  # imports only once the plugin mended what is installed

    heatmaps, mirrored = torch.rand(2, 2, 17, 12, 9, generator=generator)
    theirs = flip_heatmaps(mirrored.clone(), PAIRS, shift_heatmap=bool(shift))
    assert torch.equal(average_views(heatmaps, mirrored, PAIRS, shift), (heatmaps + theirs) * 0.5)


def test_borders_of_the_two_quarters():
    # HRNet's authors ask for 1 < x < w - 1 and 1 < y < h - 1, mmpose for the second only to move along y
    heatmap = torch.zeros(1, 1, 8, 8)
    heatmap[0, 0, 1, 4], heatmap[0, 0, 1, 5], heatmap[0, 0, 2, 4] = 1, 0.5, 0.5
    cells, _ = highest(heatmap, empty=0)
    assert quarter_offset(heatmap, cells, both_axes=True).tolist() == [[[4, 1]]]
    assert quarter_offset(heatmap, cells, both_axes=False).tolist() == [[[4.25, 1]]]
    inside = heatmap.roll(1, dims=2)
    cells, _ = highest(inside, empty=0)
    assert quarter_offset(inside, cells, both_axes=True).tolist() == [[[4.25, 2.25]]]


def test_broken_maps_have_finite_answers():
    heatmaps = torch.stack(
        [torch.full((9, 9), value) for value in (0.0, 1.0, -1.0, float('nan'), float('inf'), 1e-30, 3e38)]
    )[None]
    heatmaps[0, 3, 4, 4] = 1
    cells, values = highest(heatmaps, empty=-1)
    assert cells.isfinite().all() and values.isfinite().all()
    assert cells[0, 3].tolist() == [4, 4] and cells[0, 4].tolist() == [-1, -1]
    for found in (quarter_offset(heatmaps, cells, True), dark(heatmaps, cells, 11), dark_udp(heatmaps, cells, 11)):
        assert found.isfinite().all()
