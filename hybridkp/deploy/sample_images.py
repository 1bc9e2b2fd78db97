"""Real images, prepared as a config's test prepares them."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmpose.registry import DATASETS
from torch import Tensor

from hybridkp.datasets.image_listing import ImageListing
from hybridkp.datasets.read_image import read_image
from hybridkp.engine.launch import explain_errors
from hybridkp.errors import InputError

COUNT = 8
"""How many images are looked at, and at least as many are needed."""
BUNDLED = Path(__file__).parents[2] / 'tests/data/coco/val2017'


def sample_images(cfg: Config, folder: str | None = None) -> tuple[Tensor, str]:
    """Give inputs (N, C, H, W), uint8, of at least `COUNT` images and say whence they are.

    Of a config's test set, if it is there, images spread over it are taken, with their boxes; else, or if a folder is
    given, the images of the folder or those that come with the project, in which the box is the whole image.

    Raises:
        FileNotFoundError: if there is no such folder.
        InputError: if it has too few images, or those of the test differ in size.
    """
    inputs, source = _inputs_of_folder(cfg, folder) if folder else _inputs_of_test_set(cfg)
    if len(inputs) < COUNT:
        raise InputError(f'{source}: expected at least {COUNT} images, got {len(inputs)}')
    if len(shapes := {tuple(image.shape) for image in inputs}) > 1:
        raise InputError(f'{source}: expected inputs of one size, got {sorted(shapes)}')
    return torch.stack(inputs), source


def _inputs_of_test_set(cfg: Config) -> tuple[list[Tensor], str]:
    settings = cfg.test_dataloader.dataset
    labels = Path(settings.get('data_root', ''), settings.get('ann_file', ''))
    if not settings.get('ann_file') or not labels.is_file():
        if not BUNDLED.is_dir():
            raise FileNotFoundError(f'{labels} does not exist: name a folder of images with --images')
        return _inputs_of_folder(cfg, str(BUNDLED))
    settings = deepcopy(settings)
    if settings.get('bbox_file') and not Path(settings.get('data_root', ''), settings.bbox_file).is_file():
        settings.bbox_file = None
    with explain_errors(cfg):
        dataset = DATASETS.build(settings)
    numbers = np.unique(np.linspace(0, len(dataset) - 1, COUNT).astype(int))
    return [dataset[int(number)]['inputs'] for number in numbers], str(labels)


def _inputs_of_folder(cfg: Config, folder: str) -> tuple[list[Tensor], str]:
    listing = ImageListing(folder)
    numbers = np.unique(np.linspace(0, len(listing) - 1, COUNT).astype(int))
    paths = [str(Path(folder, listing[int(number)])) for number in numbers]
    return list(_prepared(cfg, paths)), folder


def _prepared(cfg: Config, paths: list[str]) -> Iterator[Tensor]:
    """Prepare image files as a config's test does, those of pairs of views without changing the view."""
    steps = [step for step in cfg.test_dataloader.dataset.pipeline if step.type != 'ChangeView']
    pipeline = Compose(steps)
    for path in paths:
        height, width = read_image(path).shape[:2]
        sample = dict(img_path=path, id=0, img_id=0, bbox=np.array([[0, 0, width, height]], np.float32))
        if steps[0].type != 'ReadImage':
            sample['img'] = read_image(path)
        yield pipeline(sample)['inputs']
