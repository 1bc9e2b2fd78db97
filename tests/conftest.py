"""What the tests share."""

from collections.abc import Callable, Iterator

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
