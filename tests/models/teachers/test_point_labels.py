"""Labels of points: what belongs to what."""

import torch

from hybridkp.models.teachers.point_labels import PointLabels


def test_fields_have_their_order():
    labels = PointLabels(torch.zeros(1), torch.ones(1), torch.full((1,), 2.0), torch.full((1,), 3.0))
    assert labels._fields == ('points', 'covariances', 'weights', 'homographies')
    assert [field.item() for field in labels] == [0, 1, 2, 3]
