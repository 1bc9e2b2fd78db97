"""Smoothing before shrinking: what a fine pattern becomes, and what passes."""

import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from hybridkp import stack
from hybridkp.datasets.smooth_downscale import SmoothDownscale

STRIPES = np.tile(np.array([0, 255], np.uint8), (60, 30))


def shrunk(*transforms):
    stack.mend()
    import mmpose.datasets  # noqa: F401

    box = dict(img=STRIPES.copy(), bbox_center=np.array([[29.5, 29.5]]), bbox_scale=np.array([[60.0, 60.0]]))
    for transform in transforms:
        box = TRANSFORMS.build(transform)(box)
    return box['img'].astype(float)


def test_stripes_of_one_pixel_become_grey_instead_of_other_stripes():
    crop = dict(type='TopdownAffine', input_size=(17, 17))
    smooth = dict(type='SmoothDownscale', input_size=(17, 17))
    assert shrunk(crop).std() > 60
    inner = shrunk(smooth, crop)[2:-2, 2:-2]
    assert inner.std() < 5 and inner.mean() == pytest.approx(127.5, abs=2)


def test_what_is_not_shrunk_passes():
    image = np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)
    results = SmoothDownscale((16, 16))(dict(img=image, bbox_scale=np.array([[8.0, 12.0]])))
    assert results['img'] is image


def test_the_wider_shrinking_counts():
    image = np.zeros((21, 21), np.uint8)
    image[10, 10] = 255
    narrow, wide = (
        SmoothDownscale((10, 10))(dict(img=image, bbox_scale=np.array([scale])))['img']
        for scale in ([20.0, 20.0], [20.0, 40.0])
    )
    assert 0 < wide.max() < narrow.max() < 255


def test_needs_a_box():
    with pytest.raises(ValueError, match='bbox_scale'):
        SmoothDownscale((8, 8))(dict(img=np.zeros((4, 4), np.uint8)))
