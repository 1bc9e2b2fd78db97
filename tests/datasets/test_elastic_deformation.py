"""Elastic deformation: the keypoints stay on what they mark."""

import cv2
import numpy as np
import pytest

from hybridkp.datasets.elastic_deformation import ElasticDeformation, deform_image, deform_points

SIZE = (96, 128)


def test_keypoints_stay_on_what_they_mark():
    np.random.seed(0)
    points = np.array([[30.0, 30.0], [64.0, 50.0], [100.0, 70.0], [40.5, 66.25]], np.float32)
    places = np.stack(np.meshgrid(np.arange(SIZE[1]), np.arange(SIZE[0])), axis=-1).astype(np.float32)
    moved = []
    for _ in range(10):
        field = ElasticDeformation(magnitude=0.03, prob=1)._field(*SIZE)
        new = deform_points(points[None], field, ElasticDeformation.iterations)[0]
        # an image whose values say where they come from: where a point went, its old place has to be seen
        seen = cv2.remap(deform_image(places, field), new[:, None], None, cv2.INTER_LINEAR)[:, 0]
        np.testing.assert_allclose(seen, points, atol=0.05)
        moved.append(np.linalg.norm(new - points, axis=1).mean())
    assert np.mean(moved) > 1.5


def test_a_constant_field_is_a_shift():
    field = np.full((*SIZE, 2), (3.0, -2.0), np.float32)
    points = np.array([[[20.0, 30.0], [50.5, 60.25]]])
    np.testing.assert_allclose(deform_points(points, field, 3), points - (3, -2))
    image = np.random.default_rng(0).integers(0, 255, SIZE, np.uint8)
    np.testing.assert_array_equal(deform_image(image, field)[2:, :-3], image[:-2, 3:])


def test_size_of_the_shifts():
    np.random.seed(1)
    fields = np.stack([ElasticDeformation(magnitude=0.02, prob=1)._field(*SIZE) for _ in range(50)])
    corners = fields[:, ::95, ::127]
    assert corners.std() == pytest.approx(0.02 * np.sqrt(96 * 128), rel=0.1)
    assert np.abs(np.diff(fields, axis=1)).max() < 1  # it nowhere folds


@pytest.mark.parametrize('prob,changed', [(0, False), (1, True)])
def test_sample(prob, changed):
    np.random.seed(0)
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    points = np.array([[[20.0, 30.0, 1.0]]])
    results = ElasticDeformation(magnitude=0.03, prob=prob)(dict(img=image, transformed_keypoints=points))
    assert (results['transformed_keypoints'] != points).any() == changed == (results['img'] != image).any()
    assert results['transformed_keypoints'][..., 2] == 1 and results['img'].shape == image.shape
    assert points.tolist() == [[[20, 30, 1]]], 'the labels that came in are left as they were'
    assert 'transformed_keypoints' not in ElasticDeformation(prob=prob)(dict(img=image))


@pytest.mark.parametrize('wrong', [dict(magnitude=0), dict(magnitude=0.04), dict(nodes=1), dict(prob=1.5)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match='ElasticDeformation: expected'):
        ElasticDeformation(**wrong)
