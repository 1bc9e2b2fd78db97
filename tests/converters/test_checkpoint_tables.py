"""The tables: every name of HRNet-W32 in four spellings, and the configs that they speak of."""

import json
from pathlib import Path

import pytest
import torch

from hybridkp.converters.checkpoint_tables import OURS, SOURCES, add_class_position

ROOT = Path(__file__).parents[2]
NAMES = json.loads((ROOT / 'tests/data/hrnet_w32/names.json').read_text())


def ours(official):
    return f'head.{official}' if official.startswith('final_layer') else f'backbone.{official}'


def test_every_official_name():
    assert len(NAMES) == 1754
    assert all(SOURCES['hrnet-official'].new_name(name) == ours(name) for name, _, _ in NAMES)


def test_every_name_of_paddle():
    pairs = {paddle: official for official, paddle, _ in NAMES if paddle}
    assert len(pairs) == 1462
    wrong = {name for name, official in pairs.items() if SOURCES['paddledetection'].new_name(name) != ours(official)}
    assert not wrong


def test_every_name_of_both_mmposes():
    for official, _, _ in NAMES:
        assert SOURCES['mmpose'].new_name(ours(official)) == ours(official)
        assert SOURCES['mmpose'].new_name(ours(official).replace('head.', 'keypoint_head.')) == ours(official)


@pytest.mark.parametrize(
    'source, name',
    [
        ('hrnet-official', 'classifier.weight'),
        ('hrnet-official', 'incre_modules.0.0.conv1.weight'),
        ('hrnet-official', 'final_layer.0.weight'),
        ('paddledetection', 'backbone.conv_layer1_1.norm.weight_0'),
        ('paddledetection', 'backbone.st2.stage_st3_1.branches_func.bb_st3_1_branch_layer_1_1.conv1.conv.weight'),
        ('paddledetection', 'conv_layer1_1.conv.weight'),
        ('mmpose', 'optimizer'),
        ('vitpose', 'associate_keypoint_heads.0.final_layer.weight'),
        ('vitpose', 'backbone.blocks.0.mlp.experts.0.weight'),
    ],
)
def test_other_names_are_unknown(source, name):
    assert SOURCES[source].new_name(name) is None


def test_configs_are_there():
    for source in SOURCES.values():
        assert source.configs and all((ROOT / f'configs/{name}.py').is_file() for name in source.configs)


def test_position_of_the_class_is_added():
    positions = torch.arange(12.0).view(1, 4, 3)
    assert torch.equal(add_class_position(positions), positions[:, 1:] + positions[:, :1])


def test_deconvolutions_move_to_the_neck():
    assert OURS.new_name('head.deconv_layers.0.weight') == 'neck.deconv_layers.0.weight'
    assert OURS.new_name('head.final_layer.weight') == 'head.final_layer.weight'
