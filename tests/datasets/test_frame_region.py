"""The part of a frame that a network sees."""

import numpy as np
import pytest

from hybridkp.datasets import FrameRegion


def test_box_by_hand():
    results = FrameRegion((0.25, 0.5, 0.75, 1.0)).transform(dict(img=np.zeros((100, 40)), bbox=np.zeros((1, 4))))
    assert results['bbox'].tolist() == [[10, 50, 30, 100]] and results['bbox'].dtype == np.float32


@pytest.mark.parametrize('region', [(0.5, 0, 0.5, 1), (0, 0.2, 1, 0.1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1)])
def test_a_region_is_within_the_frame(region):
    with pytest.raises(ValueError, match='expected fractions 0 <= left < right <= 1'):
        FrameRegion(region)


def test_mmpose_crops_the_region(mmpose_scope):
    from mmpose.registry import TRANSFORMS

    chain = [dict(type='FrameRegion', region=(0.5, 0, 1, 0.5)), dict(type='GetBBoxCenterScale', padding=1.0)]
    chain = [TRANSFORMS.build(one) for one in [*chain, dict(type='TopdownAffine', input_size=(20, 20))]]
    image = np.zeros((40, 40, 3), np.uint8)
    image[:20, 20:] = 200
    results = dict(img=image, bbox=np.array([[0, 0, 40, 40]], np.float32), bbox_score=np.ones(1), img_shape=(40, 40))
    for transform in chain:
        results = transform(results)
    assert results['img'].shape[:2] == (20, 20) and (results['img'][1:-1, 1:-1] == 200).all()
