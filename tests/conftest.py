"""What the tests share."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from PIL import Image
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


_PEOPLE = """
_base_ = {base!r}
crop = dict(type='TopdownAffine', input_size=(48, 64))
loader = dict(num_workers=0, persistent_workers=False)
data = dict(data_root={data!r}, pipeline=[*_base_.read, crop, *_base_.pack])
test_dataloader = dict(**loader, batch_size=4, dataset=data)
test_evaluator = dict(ann_file={data!r} + 'annotations/person_keypoints_val2017.json')
"""
_MOUSE = """
_base_ = {base!r}
crop = dict(type='TopdownAffine', input_size=(64, 64))
data = dict(data_root={data!r}, pipeline=[*_base_.read, crop, *_base_.pack])
loader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(**loader, batch_size=4, dataset=data)
test_evaluator = [dict(type='EPE')]
"""
_CLOSEUPS = """
_base_ = {base!r}
model = dict(test_cfg=dict(search_radius=0.2))
meta = ('id', 'img_id', 'img_path', 'ori_shape', 'input_size', 'input_center', 'input_scale')
meta += ('prior_keypoints', 'prior_covariances', 'own_keypoints')
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding=1.2)]
crop = dict(type='TopdownAffine', input_size=(64, 64))
pack = [dict(type='KeypointLabels'), dict(type='PackPoseInputs', meta_keys=meta)]
data = dict(type='CocoCloseups', data_root={data!r}, pipeline=[*read, crop, *pack], points_file='nowhere.json')
loader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(**loader, batch_size=4, dataset=data)
test_evaluator = [dict(type='EPE')]
"""
_DETECTOR = """
_base_ = {base!r}
widths = (8, 8, 8, 8)
stages = [(4, 4), (8, 4), (8, 4), (8, 4), (8, 4)]
model = dict(
    backbone=dict(stem=4, stages=stages),
    neck=dict(in_channels=widths, channels=[4] * 4, out_channels=widths),
    head=dict(in_channels=widths),
    test_cfg=dict(max_people=5, score_threshold=0.0),
)
loader = dict(batch_size=4, num_workers=0, persistent_workers=False)
fit = dict(type='Letterbox', input_size=(64, 64), smooth=True)
data = dict(data_root={data!r}, pipeline=[_base_.read, fit, _base_.pack])
test_dataloader = dict(**loader, dataset=data)
test_evaluator = dict(ann_file={data!r} + 'annotations/person_keypoints_val2017.json')
"""


@pytest.fixture(scope='session')
def random_network(tmp_path_factory) -> Callable[..., tuple[str, str]]:
    """Write a small network with random weights, of one of four kinds; gives config and checkpoint."""
    root, folder = Path(__file__).parents[1], tmp_path_factory.mktemp('networks')
    kinds = dict(
        people=(_PEOPLE, 'configs/body/hybridnet_s_coco_sample_256x192.py', 'tests/data/coco/'),
        mouse=(_MOUSE, 'configs/animal/hybridnet_s_mirror_mouse_256x256.py', 'tests/data/mirror_mouse/'),
        closeups=(_CLOSEUPS, 'configs/animal/hybridnet_s_mirror_mouse_256x256.py', 'tests/data/mirror_mouse/'),
        detector=(_DETECTOR, 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py', 'tests/data/coco/'),
    )

    def write(kind: str, seed: int = 0) -> tuple[str, str]:
        import hybridkp.plugin  # noqa: F401

        text, base, data = kinds[kind]
        config, checkpoint = folder / f'{kind}.py', folder / f'{kind}_{seed}.pth'
        if not checkpoint.is_file():
            config.write_text(text.format(base=str(root / base), data=f'{root / data}/'))
            torch.manual_seed(seed)
            with DefaultScope.overwrite_default_scope('mmpose'):
                model = MODELS.build(Config.fromfile(config).model)
            torch.save(dict(state_dict=model.state_dict()), checkpoint)
        return str(config), str(checkpoint)

    return write


@pytest.fixture(scope='session')
def odd_images() -> Callable[..., tuple[list[str], list[str]]]:
    """Write one picture in many kinds of files to a folder, and files that cannot be used; gives the names of both."""

    def write(folder: Path, size: tuple[int, int] = (160, 120)) -> tuple[list[str], list[str]]:
        width, height = size
        folder.mkdir(parents=True, exist_ok=True)
        picture = np.full((height, width, 3), 90, np.uint8)
        for x, y, radius, grey in ((width // 4, height // 3, 6, 250), (2 * width // 3, height // 2, 9, 10)):
            cv2.circle(picture, (x, y), radius, (grey,) * 3, -1)
        image, second = Image.fromarray(picture), Image.fromarray(np.full_like(picture, 200))
        image.convert('L').save(folder / 'grey.png')
        image.convert('CMYK').save(folder / 'cmyk.jpg', quality=95)
        image.convert('RGBA').save(folder / 'transparent.png')
        cv2.imwrite(str(folder / 'deep.png'), picture.astype(np.uint16) * 257)
        image.save(folder / 'moves.png', save_all=True, append_images=[second])
        image.save(folder / 'moves.webp', save_all=True, append_images=[second], lossless=True)
        image.save(folder / 'moves.gif', save_all=True, append_images=[second])
        if not cv2.haveImageReader(str(folder / 'moves.gif')):
            (folder / 'moves.gif').unlink()  # OpenCV before 4.11
        usable = sorted(path.name for path in folder.iterdir())
        image.save(folder / 'cut.jpg', quality=95)
        (folder / 'cut.jpg').write_bytes((folder / 'cut.jpg').read_bytes()[:-60])
        image.crop((0, 0, 1, 1)).save(folder / 'pixel.png')
        (folder / 'text.jpg').write_text('no image')
        (folder / 'nothing.png').write_bytes(b'')
        return usable, ['cut.jpg', 'nothing.png', 'pixel.png', 'text.jpg']

    return write
