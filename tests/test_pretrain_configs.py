"""Every experiment with a classifier: what test_configs.py asks of estimators of keypoints in another form."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / 'configs/pretrain').glob('*.py'))


@pytest.fixture(scope='module', params=PATHS, ids=lambda path: path.stem)
def cfg(request):
    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        yield Config.fromfile(request.param)


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """Draw 4 images of each of 10 classes, for training and validation, grey and colour."""
    folder, generator = tmp_path_factory.mktemp('pictures'), np.random.default_rng(0)
    for part in ('train', 'val'):
        for name in map(str, range(10)):
            (folder / part / name).mkdir(parents=True)
            for index in range(4):
                shape = (60, 80, 3) if index % 2 else (60, 80)
                image = generator.integers(0, 256, shape, dtype=np.uint8)
                cv2.imwrite(str(folder / part / name / f'{index}.png'), image)
    return folder


def read(cfg, part, pictures, count=4):
    """Give the first samples of a part of the data as its loader makes a batch of them."""
    settings = cfg[f'{part}_dataloader'].dataset
    root = pictures if 'folder' in settings else pictures / 'train'
    dataset = DATASETS.build(settings | dict(data_root=str(root)))
    assert cfg[f'{part}_dataloader'].collate_fn.type == 'default_collate'
    assert dataset.test_mode == (part != 'train') and len(dataset.metainfo.get('classes', range(10))) == 10
    return default_collate([dataset[index % len(dataset)] for index in range(count)])


def test_logits_have_the_right_shape(cfg):
    with torch.device('meta'):
        model = MODELS.build(cfg.model).eval()
        with torch.no_grad():
            assert model(torch.rand(2, 3, 224, 224)).shape == (2, cfg.model.head.num_classes)


@pytest.mark.parametrize('part', ['train', 'val', 'test'])
def test_images_stay_bytes_until_they_are_on_the_device(part, cfg, pictures):
    batch = read(cfg, part, pictures)
    assert batch['inputs'].shape == (4, 3, 224, 224) and batch['inputs'].dtype == torch.uint8
    labels = torch.cat([sample.gt_label for sample in batch['data_samples']])
    assert labels.shape == (4,) and 0 <= labels.min() <= labels.max() < cfg.model.head.num_classes
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    inputs = preprocessor(batch, training=part == 'train')['inputs']
    red = (batch['inputs'][:, 2].float() - 123.675) / 58.395  # OpenCV's images are BGR
    torch.testing.assert_close(inputs[:, 0], red)


def test_one_step_gives_every_parameter_a_gradient(cfg, pictures):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    batch = read(cfg, 'train', pictures, count=2)
    batch['inputs'] = batch['inputs'][..., ::2, ::2]
    data = model.train().data_preprocessor(batch, training=True)
    loss, logs = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    classes = cfg.model.head.num_classes
    assert loss.item() == pytest.approx(np.log(classes), rel=0.2) and 'loss' in logs
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert not without


def test_a_step_does_not_wait_for_the_device(cfg, pictures):
    """On torch's meta device, where a number that the host asks for would raise."""
    batch = read(cfg, 'train', pictures, count=2)
    with torch.device('meta'):
        model = MODELS.build(cfg.model).train()
    data = model.to('meta').data_preprocessor(batch, training=True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    assert loss.device.type == 'meta' and data['inputs'].device.type == 'meta'


def test_predictions_are_measured(cfg, pictures):
    from mmpretrain.evaluation import Accuracy

    model = MODELS.build(cfg.model).eval()
    batch = read(cfg, 'val', pictures)
    with torch.no_grad():
        samples = model.val_step(batch)
    metric = Accuracy(topk=cfg.val_evaluator.topk)
    metric.process(batch, [sample.to_dict() for sample in samples])
    metrics = metric.evaluate(4)
    assert set(metrics) == {f'accuracy/top{k}' for k in cfg.val_evaluator.topk}
    assert all(0 <= value <= 100 for value in metrics.values())


def test_the_backbone_is_that_of_the_pose_configs(cfg):
    variant = cfg.model.backbone.variant
    other = Config.fromfile(ROOT / f'configs/body/hybridnet_{variant}_coco_256x192.py')
    assert cfg.model.backbone == other.model.backbone
    assert cfg.model.head.in_channels == other.model.neck.in_channels[-1]
