"""The letterbox: equal to the published one, and the way back to the image."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybridkp.datasets.letterbox import Letterbox, fit

DATA = Path(__file__).parents[1] / 'data/yolov7_w6_pose'
FACTS = json.loads((DATA / 'letterbox.json').read_text())


def boxed(image, **options):
    return Letterbox(**options).transform(dict(img=image))


@pytest.mark.parametrize('case', FACTS['cases'], ids=lambda case: f'{case["height"]}x{case["width"]}_{case["auto"]}')
def test_published_geometry(case):
    size, image = (case['new_shape'],) * 2, (case['width'], case['height'])
    box = fit(image, size, case['scaleup'], multiple=case['stride'] if case['auto'] else None)
    assert box.size == (case['out_width'], case['out_height'])
    assert [box.top, box.top + box.resized[1]] == case['image_rows']
    assert [box.left, box.left + box.resized[0]] == case['image_columns']


def test_sides_that_are_cut_to_whole_pixels():
    for image, cut in {(640, 427): (960, 640), (500, 333): (960, 639), (333, 500): (639, 960)}.items():
        assert fit(image, (960, 960), truncate=True).resized == cut  # 333 * 1.92 is 639.36, 427 * 1.5 is 640.5
    assert fit((640, 429), (960, 960)).resized == (960, 644)  # 643.5, to even
    assert boxed(np.zeros((429, 640, 3), np.uint8), input_size=(960, 960), truncate=True)['img'].shape == (960, 960, 3)


def test_published_picture():
    arrays, facts = np.load(DATA / 'letterbox.npz'), FACTS['image_case']
    found = boxed(arrays['image'], input_size=(facts['new_shape'],) * 2)['img']
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - arrays['letterboxed']).max() <= 1


@pytest.mark.parametrize('size', [(640, 480), (64, 333), (5, 4), (641, 1)])
def test_corners_of_the_image_find_their_place(size):
    width, height = size
    results = boxed(np.zeros((height, width, 3), np.uint8), input_size=(128, 64))
    assert results['img'].shape == (64, 128, 3) and results['img_shape'] == (64, 128)
    inside = np.argwhere((results['img'] != 114).any(axis=2))
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    # what the estimator does with positions in the input
    scale = results['input_scale'] / results['input_size']
    corner = results['input_center'] - 0.5 * results['input_scale']
    np.testing.assert_allclose(np.array([left, top]) * scale + corner, [0, 0], atol=1e-3)
    np.testing.assert_allclose(np.array([right, bottom]) * scale + corner, size, rtol=1e-4)


def test_small_images_may_stay_small():
    image = np.full((10, 20, 3), 7, np.uint8)
    assert (boxed(image, input_size=(64, 64), enlarge=False)['img'] == 7).all(axis=2).sum() == 200
    assert (boxed(image, input_size=(64, 64))['img'] == 7).all(axis=2).sum() == 64 * 32


def test_averages_where_it_shrinks():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 255
    smooth, plain = (boxed(stripes, input_size=(16, 16), smooth=smooth)['img'] for smooth in (True, False))
    assert np.abs(smooth.astype(float) - 64).max() < 2 and np.ptp(plain[0, :, 0]) == 0 and plain[0, 0, 0] == 0
    large = [boxed(stripes, input_size=(128, 128), smooth=smooth)['img'] for smooth in (True, False)]
    assert np.array_equal(*large)


@pytest.mark.parametrize('options', [dict(input_size=(0, 64)), dict(input_size=(64, 64), multiple=0)])
def test_sizes_are_positive(options):
    with pytest.raises(ValueError, match='expected positive sizes'):
        Letterbox(**options)


def test_says_what_it_is():
    assert (
        repr(Letterbox((64, 32)))
        == 'Letterbox(input_size=(64, 32), enlarge=True, smooth=False, truncate=False, multiple=None)'
    )
