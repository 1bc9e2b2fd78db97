"""Where in its image an input lies."""

import numpy as np

from hybridkp.models.crop_frame import crop_frame


def test_by_hand():
    first = dict(input_size=(64, 96), input_center=[50, 40], input_scale=[32, 48])
    second = dict(input_size=(64, 96), input_center=np.float32([0, 0]), input_scale=np.float32([128, 96]))
    scale, corner = crop_frame([first, second])
    assert scale.tolist() == [[0.5, 0.5], [2, 1]]
    assert corner.tolist() == [[34, 16], [-64, -48]]
