"""Crops at the input's size: aspect, place, and what is not enlarged."""

import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from hybridkp.datasets.resized_crop import ResizedCrop


def coordinates(height, width):
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing='ij')
    return np.stack((columns, rows, np.zeros_like(rows)), axis=-1).astype(np.float32)


def crop(image, size, **settings):
    return ResizedCrop(size, **settings).transform(dict(img=image))


def test_the_middle_keeps_the_aspect(mmpose_scope):
    step = TRANSFORMS.build(dict(type='ResizedCrop', input_size=(30, 20), random=False))
    results = step.transform(dict(img=coordinates(60, 60)))
    image = results['img']
    assert image.shape == (20, 30, 3) and results['img_shape'] == (20, 30) and results['input_size'] == (30, 20)
    assert image[0, 0, :2].tolist() == [0.5, 10.5] and image[-1, -1, :2].tolist() == [58.5, 48.5]


def test_random_crops_lie_inside_and_vary():
    np.random.seed(0)
    image, widths, mirrored = coordinates(100, 150), [], 0
    for _ in range(200):
        found = crop(image, (20, 20), shares=(0.4, 1.0))['img']
        steps = np.diff(found[..., 0], axis=1), np.diff(found[..., 1], axis=0)
        mirrored += steps[0].mean() < 0
        assert np.abs(steps[0]).mean() == pytest.approx(steps[1].mean(), rel=0.06)  # not distorted
        assert found[..., 0].max() < 150 and found[..., 1].max() < 100
        widths.append(np.abs(steps[0]).mean() * 20)
    assert min(widths) < 45 and max(widths) > 95 and min(widths) >= 39
    assert 70 < mirrored < 130


def test_no_crop_is_enlarged_unless_the_image_is_small():
    np.random.seed(0)
    for _ in range(50):
        found = crop(coordinates(60, 60), (50, 50), shares=(0.2, 1.0))['img']
        assert np.abs(np.diff(found[..., 1], axis=0)).mean() >= 0.97
    small = crop(coordinates(10, 12), (40, 40))['img']
    assert small.shape == (40, 40, 3) and np.diff(small[..., 1], axis=0).mean() < 0.3


def test_shrinking_averages():
    image = np.tile(np.array([[0, 255], [255, 0]], np.uint8).repeat(1), (20, 20))[..., None].repeat(3, axis=2)
    assert np.unique(crop(image, (10, 10), random=False)['img']).tolist() in ([127], [128])


@pytest.mark.parametrize('shares', [(0, 1), (0.7, 0.5), (0.5, 1.2)])
def test_bad_shares(shares):
    with pytest.raises(ValueError, match='ResizedCrop: expected shares'):
        ResizedCrop((10, 10), shares)
