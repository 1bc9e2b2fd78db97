"""Contrast and noise: ranges, repeatability, channels."""

import numpy as np
import pytest

from hybridkp.datasets.gamma_noise import GammaNoise

RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def apply(image, seed=0, **settings):
    np.random.seed(seed)
    return GammaNoise(**settings)(dict(img=image.copy()))['img']


def test_gamma_keeps_black_white_and_order():
    exponents = []
    for seed in range(200):
        row = apply(RAMP, seed, gamma=0.5, noise=0)[0].astype(int)
        assert row[0] == 0 and row[255] == 255 and (np.diff(row) >= 0).all()
        exponents.append(np.log(row[128] / 255) / np.log(128 / 255))
    assert np.exp(-0.51) < min(exponents) < np.exp(-0.45) and np.exp(0.45) < max(exponents) < np.exp(0.51)


def test_noise_is_at_most_as_strong_as_said():
    flat = np.full((200, 200), 128, np.uint8)
    strengths = [apply(flat, seed, gamma=0, noise=0.1).std() for seed in range(40)]
    assert max(strengths) < 26 and min(strengths) < 5 and np.mean(strengths) == pytest.approx(12.75, rel=0.25)


def test_seed_of_numpy_decides():
    assert (apply(RAMP, 3) == apply(RAMP, 3)).all() and (apply(RAMP, 3) != apply(RAMP, 4)).any()


@pytest.mark.parametrize('shape', [(8, 9), (8, 9, 1), (8, 9, 3)])
def test_any_channels(shape):
    image = apply(np.full(shape, 100, np.uint8))
    assert image.shape[:2] == shape[:2] and image.size == np.prod(shape) and image.dtype == np.uint8


def test_nothing_asked_nothing_done():
    assert (apply(RAMP, gamma=0, noise=0) == RAMP).all()


def test_wrong_arguments():
    with pytest.raises(ValueError, match='at least 0'):
        GammaNoise(noise=-0.1)
