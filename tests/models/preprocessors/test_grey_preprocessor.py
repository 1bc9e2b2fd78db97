"""Grey images on their way to a network."""

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.models import GreyPreprocessor

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def batch(count=3, shape=(1, 6, 4)):
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8) for _ in range(count)]
    return dict(inputs=inputs, data_samples=[PoseDataSample() for _ in inputs])


def test_each_image_has_mean_0_and_deviation_1():
    data = batch()
    done = MODELS.build(dict(type='GreyPreprocessor'))(data)
    assert done['inputs'].shape == (3, 1, 6, 4) and done['inputs'].dtype == torch.float32
    torch.testing.assert_close(done['inputs'].mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(done['inputs'].std(dim=(1, 2, 3)), torch.ones(3))
    assert len(done['data_samples']) == 3


def test_exposure_does_not_matter():
    image = batch(1, (1, 32, 32))['inputs'][0] // 2
    dark, bright = GreyPreprocessor()(dict(inputs=[image, image + 90]))['inputs']
    torch.testing.assert_close(dark, bright)


def test_three_channels_are_one_without_a_copy():
    images = GreyPreprocessor(channels=3)(batch())['inputs']
    assert images.shape == (3, 3, 6, 4) and images.stride(1) == 0
    assert torch.equal(images[:, 0], images[:, 2])


def test_stacked_batch_and_flat_image():
    images = torch.full((2, 1, 4, 4), 7, dtype=torch.uint8)
    assert not GreyPreprocessor()(dict(inputs=images))['inputs'].any()


@pytest.mark.parametrize('shapes', [[(3, 4, 4)], [(1, 4, 4), (1, 4, 6)]])
def test_colour_and_unequal_sizes_are_refused(shapes):
    with pytest.raises(ValueError, match='grey images'):
        GreyPreprocessor()(dict(inputs=[torch.zeros(shape, dtype=torch.uint8) for shape in shapes]))
