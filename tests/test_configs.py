"""Every experiment: short, its keys known, its model trainable, its data readable."""

import ast
import re
from pathlib import Path

import mmpose
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope, Registry
from mmpose import registry
from mmpose.registry import DATASETS, METRICS, MODELS

from hybridkp.engine.config_check import check_config, runner_keys

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
BASES = sorted((CONFIGS / '_base_').rglob('*.py'))
EXPERIMENTS = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
DATA = {'data/coco/': ROOT / 'tests/data/coco', 'tests/data/coco/': ROOT / 'tests/data/coco'}
SIZE = re.compile(r'_(\d+)x(\d+)')
LINES = {'': 25, 'skeletons': 30, 'datasets': 35, 'models': 25, 'schedules': 10}
"""Lines of code that a base may have; those of a skeleton are names in rows."""
NOT_IN_A_CONFIG = {
    'CovarianceCalibration': 'test.py --calibration',
    'FixedCovariance': 'IsotropicHeatmap is built on it',
    'HomographyScenes': 'evaluate_points.py on scenes with homographies',
    'KeypointEnsemble': 'test.py with several checkpoints',
    'LandmarkFile': 'test.py --landmarks',
    'MeasureFile': 'test.py --measures',
    'ProgressBarHook': 'train.py --progress',
    'RampedAverage': 'StepAverageHook is built on it',
    'ResultFile': 'test.py --out',
}


def code_lines(path):
    return [line for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith('#')]


def assigned(path):
    """Give the names that a file assigns at its top level."""
    targets = [t for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)} - {'_base_'}


def leaves(value, path=()):
    """Give every (path, value) below a config."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    if items is None:
        yield path, value
    else:
        for key, inner in items:
            yield from leaves(inner, (*path, key))


def input_size(pipeline):
    """Give (height, width) of what a pipeline crops."""
    ((width, height),) = {tuple(step.input_size) for step in pipeline if 'input_size' in step}
    return height, width


def small_size(cfg):
    """Give a size of about the same aspect whose longer side is 128 px, in multiples of 32 px."""
    sides = input_size(cfg.train_dataloader.dataset.pipeline)
    return tuple(32 * max(1, round(4 * side / max(sides))) for side in sides)


def channels(cfg):
    """Give the channels of the images that a config reads."""
    return 1 if cfg.model.data_preprocessor.type == 'GreyPreprocessor' else 3


def by_name(path):
    return path.relative_to(CONFIGS).with_suffix('').as_posix()


@pytest.fixture(scope='module')
def scope():
    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture(scope='module', params=EXPERIMENTS, ids=by_name)
def path(request):
    return request.param


@pytest.fixture(scope='module')
def cfg(path, scope):
    return Config.fromfile(path)


@pytest.fixture(scope='module')
def one_instance(cfg):
    """Leave out detectors and classifiers, whose samples and outputs are others."""
    others = {'SingleStageEstimator': 'detector', 'mmpretrain.ImageClassifier': 'pretrain'}
    if cfg.model.type in others:
        pytest.skip(f'test_{others[cfg.model.type]}_configs.py does that')


@pytest.fixture(scope='module')
def model(cfg, one_instance, checked):
    """The model of a config, unless another config with the same model and size was here before."""
    what = (repr(cfg.model), small_size(cfg))
    if checked.setdefault(what, cfg.filename) != cfg.filename:
        pytest.skip(f'same model and aspect as {checked[what]}')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.load_state_dict(model.state_dict())  # stands in for a file that is not bundled but fitted to
    return model


@pytest.fixture(scope='module')
def checked():
    return {}


def test_there_are_experiments_and_they_lie_in_folders():
    assert len(EXPERIMENTS) >= 13
    assert all(len(path.relative_to(CONFIGS).parts) == 2 for path in EXPERIMENTS)


def test_experiment_is_a_difference_of_15_lines(path):
    assert len(code_lines(path)) <= 15
    assert '_base_' in path.read_text()


def test_name_says_model_data_and_size(path, cfg):
    models = [base.stem for base in (CONFIGS / '_base_/models').glob('*.py')]
    data = {SIZE.sub('', base.stem) for base in (CONFIGS / '_base_/datasets').glob('*.py')}
    pattern = rf'({"|".join(models)})_({"|".join(data)})_(\d+)(?:x(\d+))?(_[a-z0-9-]+)?'  # a square has one number
    match = re.fullmatch(pattern, path.stem)
    assert match, f'{path.stem} is not {{model}}_{{data}}_{{HxW}}[_{{difference}}]'
    assert (int(match[3]), int(match[4] or match[3])) == input_size(cfg.train_dataloader.dataset.pipeline)


def test_keys_are_known(path, cfg):
    bases = set().union(*map(assigned, BASES))
    assert assigned(path) <= runner_keys() | bases
    check_config(cfg)


def test_no_path_is_absolute(path, cfg):
    for key, value in leaves(cfg.to_dict()):
        assert not (isinstance(value, str) and re.match(r'/|~|\\|[A-Za-z]:[\\/]', value)), key


@pytest.mark.parametrize('base', BASES, ids=by_name)
def test_base_is_short(base):
    folder = base.relative_to(CONFIGS / '_base_').parent.as_posix()
    assert len(code_lines(base)) <= LINES[folder if folder != '.' else '']


def test_names_of_dataset_bases_are_not_those_of_mmpose():
    # mmpose looks for the meta information of its own datasets in the working directory first
    theirs = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets'
    names = {path.name for path in theirs.glob('*.py')}
    assert 'coco.py' in names
    assert not names & {path.name for path in (CONFIGS / '_base_/datasets').glob('*.py')}


@pytest.mark.parametrize('path', [path for path in EXPERIMENTS if '_coco_384x288' in path.stem], ids=by_name)
def test_sizes_of_coco_differ_in_the_size_only(path):
    other = path.with_name(path.name.replace('384x288', '256x192'))
    ours, theirs = (dict(leaves(Config.fromfile(file).to_dict())) for file in (path, other))
    assert set(ours) == set(theirs)
    different = {key for key in ours if ours[key] != theirs[key]}
    assert different and all('input_size' in key for key in different)


@pytest.mark.parametrize(
    'path', [path for path in EXPERIMENTS if re.search(r'_isbi2015_\d+x\d+$', path.stem)], ids=by_name
)
def test_sizes_of_radiographs_differ_in_size_and_batch_only(path):
    other = path.with_name(SIZE.sub('_320x256', path.name))
    ours, theirs = (dict(leaves(Config.fromfile(file).to_dict())) for file in (path, other))
    assert set(ours) == set(theirs)
    different = {key for key in ours if ours[key] != theirs[key]}
    assert all('input_size' in key or key == ('train_dataloader', 'batch_size') for key in different)
    assert bool(different) == (path != other)


def test_no_radiograph_is_mirrored_or_turned_by_quarters():
    paths = [path for path in EXPERIMENTS if path.parent.name == 'landmark']
    assert len(paths) > 35
    for path in paths:
        cfg = Config.fromfile(path)
        steps = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
        assert 'RandomFlip' not in steps and steps['RandomBBoxTransform'].rotate_factor <= 20
        assert not cfg.model.test_cfg.flip_test


def test_forward_has_the_right_shape(cfg, path, one_instance):
    height, width = input_size(cfg.train_dataloader.dataset.pipeline)
    with torch.device('meta'):
        model = MODELS.build(cfg.model).eval()
    network_channels = cfg.model.data_preprocessor.get('channels', channels(cfg))
    with torch.no_grad():
        heatmaps = model(torch.rand(1, network_channels, height, width, device='meta'))
    stride = model.head.codec.stride
    assert heatmaps.shape == (1, cfg.num_keypoints, height // stride, width // stride)


def test_one_step_gives_every_parameter_a_gradient(cfg, model, make_samples):
    height, width = small_size(cfg)
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(1, cfg.num_keypoints, 2, generator=generator) * torch.tensor([width, height])
    samples = make_samples(points, torch.ones(1, cfg.num_keypoints), (width, height))
    inputs = [(255 * torch.rand(channels(cfg), height, width, generator=generator)).byte()]
    model.train()
    model.zero_grad()
    data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), training=True)
    loss, logs = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    assert loss.isfinite() and {'loss_keypoint', 'acc_pose'} <= set(logs)
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all() or not parameter.grad.any()
    ]
    assert not without


def test_state_dict_round_trip(cfg, model):
    torch.manual_seed(1)
    other = MODELS.build(cfg.model)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    other.load_state_dict(state, strict=True)
    loaded = other.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(value, loaded[key]) for key, value in state.items())


@pytest.mark.parametrize('part', ['train', 'val', 'test'])
def test_data_are_read(part, cfg, one_instance):
    """Build the dataset, on the bundled images where the config means COCO, and read a sample."""
    settings = cfg[f'{part}_dataloader'].dataset
    if 'ann_file' not in settings:
        assert Compose(settings.pipeline).transforms
        pytest.skip('a folder of images without labels')
    root = DATA.get(settings.data_root, ROOT / settings.data_root)
    if not root.is_dir():
        assert Compose(settings.pipeline).transforms
        pytest.skip(f'{settings.data_root} is not bundled')
    changes = dict(data_root=str(root)) | ({'bbox_file': None} if settings.get('bbox_file') else {})
    if 'points_file' in settings and not (root / settings.points_file).is_file():
        pytest.skip('what the first of two networks found is not there')
    if settings.data_root == 'data/coco/':
        changes |= dict(ann_file='annotations/person_keypoints_val2017.json', data_prefix=dict(img='val2017/'))
    dataset = DATASETS.build(settings | changes)
    sample = dataset[0]
    height, width = input_size(settings.pipeline)
    assert sample['inputs'].shape == (channels(cfg), height, width) and sample['inputs'].dtype == torch.uint8
    labels = sample['data_samples'].gt_instance_labels
    assert labels.keypoint_labels.shape == (1, cfg.num_keypoints, 2)
    assert labels.keypoint_weights.any() or part == 'train'  # augmentation may move all of them out of the crop
    assert dataset.test_mode == (part != 'train')
    assert set(cfg[f'{part}_dataloader']) >= {'batch_size', 'num_workers', 'sampler'}


@pytest.mark.parametrize('part', ['val', 'test'])
def test_metrics_build_and_the_best_is_one_of_them(part, cfg):
    evaluators = cfg[f'{part}_evaluator']
    names = []
    for settings in evaluators if isinstance(evaluators, list) else [evaluators]:
        ann_file = settings.get('ann_file')
        if ann_file:
            data = cfg[f'{part}_dataloader'].dataset
            assert ann_file == data.data_root + data.ann_file
            settings = settings | dict(ann_file=None)
        metric = METRICS.build(settings)
        names.append(metric.prefix or metric.default_prefix or settings.type)
        if settings.type == 'RadialError':
            names += ['MRE_mm', 'MRE_px'] if metric.unit == 'mm' else ['MRE_px']
    best = cfg.default_hooks.checkpoint.get('save_best')
    if best:
        assert best.split('/')[0] in names
        assert cfg.default_hooks.checkpoint.rule == ('less' if best in ('EPE', 'MRE_mm', 'MRE_px') else 'greater')


def test_what_is_registered_is_used(scope):
    ours = set()
    for item in vars(registry).values():
        if isinstance(item, Registry):
            ours |= {name for name, part in item.module_dict.items() if part.__module__.startswith('hybridkp.')}
    assert {'HybridNet', 'AtomicCheckpointHook', 'CocoKeypoints', 'LearnedCovariance'} <= ours
    configs = [Config.fromfile(path) for path in EXPERIMENTS]
    used = {value for cfg in configs for key, value in leaves(cfg.to_dict()) if key[-1] == 'type'}
    assert ours - used == set(NOT_IN_A_CONFIG)
