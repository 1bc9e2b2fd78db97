"""Images as a graph prepares them: as the preprocessors do."""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.deploy.input_normalisation import InputNormalisation
from hybridkp.errors import InputError

COLOUR = dict(type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


@pytest.mark.parametrize(
    ('config', 'channels'),
    [
        (dict(**COLOUR, bgr_to_rgb=True), 'BGR'),
        (COLOUR, 'as read'),
        (dict(type='GreyPreprocessor'), 'grey'),
        (dict(type='GreyPreprocessor', channels=3), 'grey'),
    ],
)
def test_equals_the_preprocessor(config, channels, mmpose_scope, generator):
    preprocessor = MODELS.build(config)
    count = 1 if channels == 'grey' else 3
    images = torch.randint(0, 256, (4, count, 20, 12), generator=generator, dtype=torch.uint8)
    images[1] = 7  # all alike
    normalise = InputNormalisation(preprocessor)
    expected = preprocessor(dict(inputs=list(images), data_samples=[]))['inputs']
    torch.testing.assert_close(normalise(images), expected, rtol=1e-5, atol=1e-5)
    assert normalise.channels == channels and images.dtype == torch.uint8


@pytest.mark.parametrize(
    ('config', 'said'),
    [
        (dict(**COLOUR, pad_size_divisor=32), 'pads nothing'),
        (dict(type='PoseDataPreprocessor'), 'normalises'),
        (dict(type='PoseDataPreprocessor', mean=[1.0], std=[2.0]), 'of 1 channels'),
    ],
)
def test_refuses_what_does_more(config, said, mmpose_scope):
    with pytest.raises(InputError, match=said):
        InputNormalisation(MODELS.build(config))
