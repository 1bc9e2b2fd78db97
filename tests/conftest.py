"""What the tests share."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the golden losses anew: pytest tests/test_golden_losses.py --update-golden."""
    parser.addoption('--update-golden', action='store_true', help='write tests/data/golden_losses.json anew')


@pytest.fixture(scope='session', autouse=True)
def one_thread() -> None:
    """Compute on one thread: inputs are tiny, and sums come out the same on every machine."""
    torch.set_num_threads(1)


@pytest.fixture
def mmpose_scope() -> Iterator[None]:
    """Import the plugin and build by name as mmpose's runner does."""
    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture
def make_samples() -> Callable[..., list[PoseDataSample]]:
    """Make training samples of keypoints (B, K, 2) px and weights (B, K) in inputs of (width, height) px.

    The input is the image, neither turned nor scaled, and an instance covers a quarter of it.
    """

    def make(keypoints: Tensor, weights: Tensor, input_size: tuple[int, int]) -> list[PoseDataSample]:
        samples = []
        for points, weight in zip(keypoints, weights, strict=True):
            labels = InstanceData(keypoint_labels=points[None], keypoint_weights=weight[None])
            labels.input_jacobians = torch.eye(2, device=points.device)[None]
            labels.instance_areas = weight.new_full((1,), input_size[0] * input_size[1] / 4)
            samples.append(PoseDataSample(metainfo=dict(input_size=input_size)))
            samples[-1].gt_instance_labels = labels
        return samples

    return make


@pytest.fixture
def generator() -> torch.Generator:
    """A source of the same random numbers in every run."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope='session')
def drawn_set() -> Callable[..., Path]:
    """Draw people of 5 keypoints, one an image, and write images and COCO annotations to a folder; gives the JSON."""
    names = ['head', 'left_hand', 'right_hand', 'left_foot', 'right_foot']
    colours = [(255, 255, 255), (0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255)]

    def draw(folder: Path, count: int = 24, seed: int = 0) -> Path:
        generator, images, annotations = np.random.default_rng(seed), [], []
        (folder / 'images').mkdir(parents=True, exist_ok=True)
        for i in range(1, count + 1):
            width, height, size = generator.integers((96, 112, 20), (144, 160, 30)).tolist()
            centre = generator.uniform(1.2 * size, (width - 1.2 * size, height - 1.2 * size))
            shape = np.array([[0, -1], [0.8, 0], [-0.8, 0], [0.5, 1], [-0.5, 1]])
            points = centre + size * (shape + generator.normal(scale=0.05, size=(5, 2)))
            image = generator.integers(0, 60, (height, width, 3), dtype=np.uint8)
            for point, colour in zip(points, colours, strict=True):
                cv2.line(image, centre.astype(int).tolist(), point.astype(int).tolist(), colour, 2)
            cv2.imwrite(str(folder / f'images/{seed}_{i}.png'), image)
            images.append(dict(id=i, file_name=f'{seed}_{i}.png', width=width, height=height))
            low, sides = (centre - 1.2 * size).round(2).tolist(), [round(2.4 * size, 2)] * 2
            keypoints = [value for x, y in points.round(2).tolist() for value in (x, y, 2)]
            entry = dict(id=10 * i, image_id=i, category_id=1, keypoints=keypoints, num_keypoints=5, iscrowd=0)
            annotations.append(entry | dict(bbox=low + sides, area=sides[0] ** 2))
        links = [[1, 2], [1, 3], [2, 4], [3, 5]]
        category = dict(id=1, name='person', keypoints=names, skeleton=links)
        path = folder / 'labels.json'
        path.write_text(json.dumps(dict(images=images, annotations=annotations, categories=[category])))
        return path

    return draw
