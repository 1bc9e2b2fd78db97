"""What a config says about the images that its network takes."""

from pathlib import Path

import numpy as np
import pytest

from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError
from hybridkp.inference.frame_predictor import FramePredictor, as_read

ROOT = Path(__file__).parents[2]


@pytest.fixture
def predictor(random_network):
    """Build predictors under settings."""

    def build(kind, settings=None, **more):
        config, checkpoint = random_network(kind)
        return FramePredictor(load_config(config, settings, None), [checkpoint], 'cpu', **more)

    return build


@pytest.mark.parametrize(
    'kind, expected',
    [('people', (False, True, True)), ('mouse', (False, True, False)), ('detector', (True, False, False))],
)
def test_which_networks_take_boxes(kind, expected, predictor):
    network = predictor(kind)
    assert (network.single_stage, network.takes_boxes, network.needs_boxes) == expected
    assert network.color_type == 'color' and network.meta['num_keypoints'] == 17


def test_a_fixed_region_takes_no_boxes(random_network):
    config, checkpoint = random_network('mouse')
    cfg = load_config(config, None, None)
    region = dict(type='FrameRegion', region=(0.5, 0, 1, 1))
    cfg.test_dataloader.dataset.pipeline.insert(1, region)
    network = FramePredictor(cfg, [checkpoint], 'cpu')
    assert not network.takes_boxes and not network.needs_boxes
    (found,) = network.predict([np.zeros((40, 60, 3), np.uint8)], [None])
    assert found.bboxes.tolist() == [[30, 0, 60, 40]]


def test_images_of_several_sizes_with_several_boxes(predictor):
    """Each person is predicted as alone, whatever else is in the batch."""
    network, random = predictor('people', batch_size=2), np.random.default_rng(0)
    images = [random.integers(0, 255, (40 + 10 * i, 60, 3), dtype=np.uint8) for i in range(3)]
    boxes = [
        np.float32([[0, 0, 30, 30], [5, 5, 50, 35], [10, 0, 20, 39]]),
        np.zeros((0, 4), np.float32),
        np.float32([[1, 1, 9, 50]]),
    ]
    scores = [np.linspace(0.5, 0.9, len(box), dtype=np.float32) for box in boxes]
    found = network.predict(images, list(zip(boxes, scores, strict=True)))
    assert [len(people) for people in found] == [3, 0, 1]
    for people, box, score, image in zip(found, boxes, scores, images, strict=True):
        np.testing.assert_array_equal(people.bboxes, box)
        np.testing.assert_array_equal(people.bbox_scores, score)
        for i in range(len(box)):
            (alone,) = network.predict([image], [(box[i : i + 1], score[i : i + 1])])
            np.testing.assert_allclose(alone.keypoints[0], people.keypoints[i], atol=1e-3)


def test_grey_and_colour():
    image = np.random.default_rng(0).integers(0, 255, (4, 6), dtype=np.uint8)
    assert as_read(image, 'grayscale') is image
    colour = as_read(image, 'color')
    assert colour.shape == (4, 6, 3) and (colour == image[..., None]).all() and as_read(colour, 'color') is colour
    np.testing.assert_array_equal(as_read(colour, 'grayscale'), image)


def test_other_networks(random_network):
    cfg = load_config(str(ROOT / 'configs/points/hybridnet_s_pictures_224.py'), None, None)
    with pytest.raises(InputError, match='tools/detect_points.py is for networks of interest points'):
        FramePredictor(cfg, ['a.pth'], 'cpu')
    cfg = load_config(random_network('mouse')[0], {'model.type': 'TopdownPoseEstimator'}, None)
    with pytest.raises(InputError, match='with covariances, .*, got TopdownPoseEstimator'):
        FramePredictor(cfg, ['a.pth'], 'cpu')
    with pytest.raises(InputError, match='at least one image, got 0'):
        FramePredictor(load_config(random_network('mouse')[0], None, None), ['a.pth'], 'cpu', 0)
