"""Pickled networks: the parameters of foreign classes without the classes, and nothing that is in the file runs."""

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

from hybridkp.converters.module_file import read_network
from hybridkp.errors import InputError


@pytest.fixture
def foreign(monkeypatch):
    """Write objects of a module that is gone afterwards; gives a function that makes and saves a network."""
    module = types.ModuleType('foreign_models')
    source = """
import collections
import torch
from torch import nn

class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.bn = nn.BatchNorm2d(3)
        self.register_buffer('scratch', torch.zeros(5), persistent=False)
        self.register_buffer('nothing', None)
        self.names = collections.defaultdict(list, a=[1])

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(Part(), nn.Identity(), nn.ModuleList([Part()]))
        self.yaml = {'anchors': [[1, 2]]}
        self.tags = {'a', 'b'}
"""
    exec(compile(source, 'foreign_models', 'exec'), module.__dict__)
    for name in ('Part', 'Network'):
        getattr(module, name).__module__ = 'foreign_models'

    def save(path, wrap, half=True, **options):
        monkeypatch.setitem(sys.modules, 'foreign_models', module)
        torch.manual_seed(0)
        network = module.Network().half() if half else module.Network()
        torch.save(wrap(network), path, **options)
        monkeypatch.delitem(sys.modules, 'foreign_models')
        return {
            name: value.float() if value.is_floating_point() else value for name, value in network.state_dict().items()
        }

    return save


def same(found, expected):
    return list(found) == list(expected) and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize('options', [{}, dict(_use_new_zipfile_serialization=False)])
def test_network_under_model(foreign, tmp_path, options):
    path = tmp_path / 'a.pt'
    expected = foreign(path, lambda network: dict(epoch=-1, model=network, ema=None, optimizer=None), **options)
    with pytest.raises(Exception, match='foreign_models'):
        torch.load(path, weights_only=False)
    found = read_network(str(path))
    assert same(found, expected) and 'model.0.bn.running_var' in found and 'model.0.scratch' not in found
    assert all(value.dtype == torch.float32 for value in found.values() if value.is_floating_point())


def test_average_is_preferred_and_a_network_alone_is_enough(foreign, tmp_path):
    other = nn.Conv2d(1, 1, 1)
    expected = foreign(tmp_path / 'a.pt', lambda network: dict(model=other, ema=network, wandb_id=None))
    assert same(read_network(str(tmp_path / 'a.pt')), expected)
    expected = foreign(tmp_path / 'b.pt', lambda network: network, half=False)
    assert same(read_network(str(tmp_path / 'b.pt')), expected)


def test_state_dict(tmp_path):
    state = {'model.0.weight': torch.rand(2).half()}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    assert torch.equal(read_network(str(tmp_path / 'a.pth'))['model.0.weight'], state['model.0.weight'].float())


class Trap:
    """An object whose unpickling would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_the_file_runs(foreign, tmp_path):
    mark = tmp_path / 'ran'
    expected = foreign(tmp_path / 'a.pt', lambda network: dict(model=network, trap=Trap(mark)))
    assert same(read_network(str(tmp_path / 'a.pt')), expected) and not mark.exists()
    torch.save(dict(model=Trap(mark)), tmp_path / 'b.pt')
    with pytest.raises(InputError, match='b.pt: expected a network, as a whole or under ema or model'):
        read_network(str(tmp_path / 'b.pt'))
    assert not mark.exists()
    torch.load(tmp_path / 'b.pt', weights_only=False)  # which the trap is for
    assert mark.exists()


def test_bad_files(foreign, tmp_path):
    path = tmp_path / 'a.pt'
    foreign(path, lambda network: dict(model=network))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match='a.pt is damaged or no checkpoint'):
        read_network(str(path))
    path.write_text('hello')
    with pytest.raises(InputError, match='a.pt is damaged or no checkpoint'):
        read_network(str(path))
    torch.save(dict(model=None, epoch=3), path)
    with pytest.raises(InputError, match='a.pt: expected a network'):
        read_network(str(path))
    with pytest.raises(FileNotFoundError, match='b.pt does not exist'):
        read_network(str(tmp_path / 'b.pt'))
