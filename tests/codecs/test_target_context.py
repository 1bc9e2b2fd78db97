"""What sources may look at."""

import pytest
import torch

from hybridkp.codecs import TargetContext


def test_gives_what_is_asked_for():
    context = TargetContext(weights=torch.ones(2, 3), areas=torch.tensor([4.0, 9.0]))
    weights, areas = context.require('Source', 'weights', 'areas')
    assert weights is context.weights and areas is context.areas


def test_says_which_source_lacks_what():
    with pytest.raises(ValueError, match='LimbCovariance needs jacobians, images, which these samples do not have'):
        TargetContext(areas=torch.ones(1)).require('LimbCovariance', 'areas', 'jacobians', 'images')
