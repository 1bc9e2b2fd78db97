"""Every experiment with a detector: what test_configs.py asks of top-down estimators in another form."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / 'configs/detector').glob('*.py'))
SIDES = torch.tensor([20.0, 60, 120, 200])
"""Sides of boxes in px, so that each level of a detector has anchors for one of them."""


@pytest.fixture(scope='module', params=PATHS, ids=lambda path: path.stem)
def cfg(request):
    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        yield Config.fromfile(request.param)


@pytest.fixture(scope='module')
def seen():
    return {}


def people(count, size):
    """Make a training sample of people of `SIDES`, the last of whom reaches out of the input."""
    centre, sides = size / 2, SIDES[:, None]
    sample = PoseDataSample(metainfo=dict(input_size=(size, size)))
    sample.gt_instance_labels = InstanceData(
        box_labels=torch.cat((centre - sides / 2,) * 2 + (centre + sides / 2,) * 2, dim=1),
        keypoint_labels=centre + sides[..., None] * torch.linspace(-0.5, 0.5, 2 * count).view(count, 2),
        keypoint_flags=torch.full((len(SIDES), count), 2.0),
        instance_areas=SIDES.square() / 2,
        class_labels=torch.zeros(len(SIDES), dtype=torch.long),
    )
    return sample


def test_rows_have_the_right_shape(cfg):
    with torch.device('meta'):
        model = MODELS.build(cfg.model).eval()
    (side,) = {step.input_size[0] for step in cfg.train_dataloader.dataset.pipeline if 'input_size' in step}
    with torch.no_grad():
        levels = model(torch.rand(1, 3, side, side, device='meta'))
    numbers = 6 + 3 * cfg.num_keypoints * (2 if model.head.loss_module.likelihood else 1)
    assert [tuple(rows.shape) for rows in levels] == [
        (1, 3, side // stride, side // stride, numbers) for stride in model.head.strides
    ]


def test_one_step_gives_every_parameter_a_gradient(cfg, seen):
    if seen.setdefault(repr(cfg.model), cfg.filename) != cfg.filename:
        pytest.skip(f'same model as {seen[repr(cfg.model)]}')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    inputs = [torch.randint(256, (3, 128, 128), dtype=torch.uint8) for _ in range(2)]
    samples = [people(cfg.num_keypoints, 128) for _ in range(2)]
    data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), training=True)
    loss, logs = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    assert loss.isfinite() and {'loss_box', 'loss_objectness', 'loss_keypoints'} <= set(logs)
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert not without and all(value.grad.isfinite().all() for value in model.parameters())
    other = MODELS.build(cfg.model)
    other.load_state_dict(model.state_dict(), strict=True)
    loaded = other.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize('part', ['train', 'val', 'test'])
def test_data_are_read(part, cfg):
    """Build the dataset, on the bundled images where the config means COCO, and read a sample."""
    settings = cfg[f'{part}_dataloader'].dataset
    assert Compose(settings.pipeline).transforms
    assert set(cfg[f'{part}_dataloader']) >= {'batch_size', 'num_workers', 'sampler'}
    if 'coco/' not in settings.data_root:
        pytest.skip(f'{settings.data_root} is not bundled')
    changes = dict(data_root=str(ROOT / 'tests/data/coco'), data_prefix=dict(img='val2017/'))
    dataset = DATASETS.build(settings | changes | dict(ann_file='annotations/person_keypoints_val2017.json'))
    assert dataset.test_mode == (part != 'train')
    sample = dataset[0]
    (side,) = {step.input_size[0] for step in settings.pipeline if 'input_size' in step}
    assert sample['inputs'].shape == (3, side, side) and sample['inputs'].dtype == torch.uint8
    labels, meta = sample['data_samples'].gt_instance_labels, sample['data_samples'].metainfo
    if part == 'train':
        assert labels.keypoint_labels.shape[1:] == (cfg.num_keypoints, 2) and 'raw_ann_info' not in meta
    else:
        assert sample['data_samples'].gt_instances.keypoints.shape[1:] == (cfg.num_keypoints, 2)
        assert {'img_id', 'ori_shape', 'input_size', 'input_center', 'input_scale', 'flip_indices'} <= set(meta)


def test_original_differs_from_ours_in_the_rule_and_the_fit_alone():
    for path in PATHS:
        if path.stem.endswith('_original'):
            ours = Config.fromfile(path.with_name(path.name.replace('_original', ''))).to_dict()
            theirs = Config.fromfile(path).to_dict()
            assert theirs['model']['head'].pop('rule') == 'original'
            assert theirs['model']['head']['loss']['gains'].pop('visibility') == 0.3  # that of classes
            ours['model']['head']['loss']['gains'].pop('visibility')
            if 'w6' in path.stem:
                assert theirs['fit'].pop('truncate')
                for loader in ('val_dataloader', 'test_dataloader'):
                    assert theirs[loader]['dataset']['pipeline'][1].pop('truncate')
            assert theirs == ours
