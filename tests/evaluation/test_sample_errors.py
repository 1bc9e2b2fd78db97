"""Errors of a sample, and its pixels' size."""

import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.evaluation.sample_errors import error_vectors, sample_spacing


def sample(predicted, labelled, visible, **more):
    truth = dict(keypoints=np.array([labelled], float), keypoints_visible=np.array([visible], float))
    return dict(
        img_path='a.png', gt_instances=truth, pred_instances=dict(keypoints=np.array([predicted], float)), **more
    )


def test_prediction_minus_label_and_what_is_missing():
    points = [[3, 4], [1, 1], [np.nan, 0]]
    vectors = error_vectors(sample(points, [[0, 0], [0, 0], [0, 0]], [1, 0, 1]))
    assert vectors[0].tolist() == [3, 4] and np.isnan(vectors[1]).all() and np.isinf(vectors[2]).all()
    assert error_vectors(sample([[3, 4]], [[0, 0]], [[0, 1]]))[0].tolist() != [3, 4], 'visibility comes before weight'


def test_other_numbers_of_keypoints_and_a_lacking_spacing_name_the_image():
    with pytest.raises(InputError, match='a.png: expected the predicted'):
        error_vectors(sample([[1, 1]], [[0, 0], [1, 1]], [1, 1]))
    with pytest.raises(InputError, match='a.png: expected a pixel_spacing'):
        sample_spacing(sample([[1, 1]], [[0, 0]], [1]))
    assert sample_spacing(sample([[1, 1]], [[0, 0]], [1], pixel_spacing=[0.1, 0.2])).tolist() == [0.1, 0.2]
