"""The published network of 80 million parameters: its names, its count, and what it computes, built once."""

import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from hybridkp.converters.checkpoint_tables import SOURCES
from hybridkp.converters.checkpoints import convert, differences
from hybridkp.errors import InputError

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/yolov7_w6_pose'
NAMES = json.loads((DATA / 'state_dict.json').read_text())
FACTS = json.loads((DATA / 'network.json').read_text())
SOURCE = SOURCES['yolov7-pose']
COLUMNS = {
    'decoded[0:2] box centre': np.r_[0:2],
    'decoded[2:4] box size': np.r_[2:4],
    'decoded[4:6] objectness, class': np.r_[4:6],
    'decoded[6::3, 7::3] key-point x, y': np.r_[6:57:3, 7:57:3],
    'decoded[8::3] key-point confidence': np.r_[8:57:3],
}


def stream(name):
    """The random numbers of one tensor."""
    return np.random.RandomState((zlib.crc32(name.encode()) ^ FACTS['seed']) & 0xFFFFFFFF)


def draw(name, shape):
    """The value of one tensor, drawn from its name."""
    leaf, random = name.rsplit('.', 1)[-1], stream(name)
    if leaf == 'num_batches_tracked':
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == 'running_var':
        value = 1 + 0.2 * random.uniform(size=shape)
    elif leaf == 'weight' and len(shape) == 4:
        value = random.standard_normal(shape) * np.sqrt(FACTS['gain'] / np.prod(shape[1:]))
    else:
        scale = leaf == 'weight' or (leaf == 'implicit' and '.im.' in name)
        value = scale + 0.1 * random.standard_normal(shape)
    return torch.from_numpy(np.asarray(value, np.float32))


def with_anchors(state, anchors):
    """Add what the checkpoints say of the anchors, in cells and in px."""
    strides = torch.tensor([8.0, 16, 32, 64])[:, None, None]
    return state | {'model.118.anchors': anchors / strides, 'model.118.anchor_grid': anchors.view(4, 1, 3, 1, 1, 2)}


@pytest.fixture(scope='module')
def published():
    """The network with drawn weights, converted, and what it says of a drawn input."""
    import hybridkp.plugin  # noqa: F401

    config = Config.fromfile(ROOT / f'configs/{SOURCE.configs[0]}.py')
    state = {name: draw(name, shape) for name, shape in NAMES if 'anchor' not in name}
    total = sum(value.double().sum().item() for value in state.values())
    state = with_anchors(state, torch.tensor(config.anchors, dtype=torch.float32))
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).eval()
    converted = convert(state, SOURCE, 'drawn')
    wrong = differences(converted, model.state_dict())
    model.load_state_dict(converted, assign=True)
    inputs = torch.from_numpy(stream('input').standard_normal(FACTS['input']['shape'])).float()
    with torch.no_grad():
        feats = model.extract_feat(inputs)
        maps, decoded = model.head(feats), model.head.decode(feats)
    return SimpleNamespace(
        wrong=wrong, total=total, inputs=inputs, maps=maps, decoded=decoded, parameters=list(model.parameters())
    )


def test_every_published_name_has_a_place(published):
    assert len(NAMES) == 908 and not published.wrong
    assert sum(value.numel() for value in published.parameters) == FACTS['parameters'] == 80_238_452


def test_published_raw_rows(published):
    assert published.total == pytest.approx(FACTS['weights']['sum'])
    assert published.inputs.flatten()[:4].tolist() == pytest.approx(FACTS['input']['first'])
    arrays = np.load(DATA / 'network.npz')
    for maps, name in zip(published.maps, ('raw_p3', 'raw_p4', 'raw_p5', 'raw_p6'), strict=True):
        torch.testing.assert_close(maps, torch.from_numpy(arrays[name]), rtol=0, atol=FACTS['atol'][name])


def test_published_decoded_rows(published):
    expected = np.load(DATA / 'network.npz')['decoded']
    assert published.decoded.shape == (1, 1020, 57)
    for name, columns in COLUMNS.items():
        difference = np.abs(published.decoded[:, ::5].numpy() - expected)[..., columns].max()
        assert difference <= FACTS['atol'][name], name


def test_names_are_ours_once_each():
    new = [SOURCE.new_name(name) for name, _ in NAMES if not SOURCE.drops(name)]
    assert None not in new and len(set(new)) == 907
    assert SOURCE.new_name('model.47.cv2.conv.weight') == 'neck.pooling.shortcut.conv.weight'
    assert SOURCE.new_name('model.118.m_kpt.2.11.bias') == 'head.levels.2.keypoints.bias'


@pytest.mark.parametrize('name', ['model.0.conv.weight', 'model.119.m.0.weight', 'model.47.cv8.conv.weight', 'x'])
def test_other_names_are_unknown(name):
    assert SOURCE.new_name(name) is None
    with pytest.raises(InputError, match=f'names that it does not have: {name}'):
        convert({name: torch.zeros(1)}, SOURCE, 'a.pt')


def test_anchors_of_the_file_are_taken():
    anchors = torch.arange(24.0).view(4, 3, 2)
    converted = convert(with_anchors({}, anchors), SOURCE, 'a.pt')
    assert list(converted) == ['head.anchors'] and torch.equal(converted['head.anchors'], anchors)
