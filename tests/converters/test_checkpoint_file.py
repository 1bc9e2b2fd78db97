"""Reading checkpoints of every kind, and none that runs code."""

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import load_file, safe_open

from hybridkp.converters.checkpoint_file import read_checkpoint, write_checkpoint
from hybridkp.errors import InputError

DATA = Path(__file__).parents[1] / 'data/hrnet_w32'
STATE = {'a.weight': torch.arange(6.0).view(2, 3), 'a.num_batches_tracked': torch.tensor(3)}


class Stranger:
    """A class that torch does not know."""


class Danger:
    """Is pickled as a call."""

    def __reduce__(self):
        return os.system, ('touch done',)


@pytest.fixture
def saved(tmp_path):
    def save(content, name='a.pth', **options):
        torch.save(content, tmp_path / name, **options)
        return str(tmp_path / name)

    return save


def same(found, wanted=STATE):
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize(
    'content',
    [
        STATE,
        OrderedDict(STATE),
        dict(state_dict=STATE, meta=dict(epoch=1)),
        dict(epoch=3, model='pose_hrnet', best_state_dict=STATE, perf=np.float64(0.7), optimizer=dict(state={})),
        dict(state_dict={f'module.{name}': value for name, value in STATE.items()}, best_state_dict={}),
    ],
)
def test_forms_of_torch(content, zipped, saved):
    assert same(read_checkpoint(saved(content, _use_new_zipfile_serialization=zipped)))


def test_what_mmengine_writes_beside_the_parameters(saved, mmpose_scope):
    logs = OrderedDict(loss=HistoryBuffer([0.5, 0.25], [1, 1]))
    meta = dict(
        dataset_meta=dict(sigmas=np.ones(17, np.float32), colors=np.zeros((3, 3), np.uint8), ids=np.arange(3)),
        hook_msgs=dict(best=np.float32(0.5), last=np.int64(3), flag=np.bool_(True)),
    )
    content = dict(state_dict=STATE, meta=meta, message_hub=dict(log_scalars=logs), optimizer=dict(state={}))
    path = saved(content)
    before = set(torch.serialization.get_safe_globals())
    assert same(read_checkpoint(path))
    assert set(torch.serialization.get_safe_globals()) == before


def test_names_of_numpy_1(saved):
    path = saved(dict(state_dict=STATE, meta=dict(a=np.ones(2))), _use_new_zipfile_serialization=False)
    content = Path(path).read_bytes()
    assert b'cnumpy._core.multiarray\n' in content
    Path(path).write_bytes(content.replace(b'cnumpy._core.multiarray\n', b'cnumpy.core.multiarray\n'))
    assert same(read_checkpoint(path))


def test_what_needs_more_is_refused_with_advice(saved):
    with pytest.raises(InputError) as caught:
        read_checkpoint(saved(dict(state_dict=STATE, args=Stranger()), 'b.pth'))
    for part in ('b.pth is refused', 'Stranger', 'if you trust', 'weights_only=False', 'parameters.pth'):
        assert part in str(caught.value)


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_not_run(zipped, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r'is refused: reading it would make a (posix|nt|os)\.system'):
        read_checkpoint(saved(dict(state_dict=STATE, meta=Danger()), _use_new_zipfile_serialization=zipped))
    assert not Path('done').exists()


def test_what_is_no_checkpoint(saved, tmp_path):
    for content in ([1], dict(epoch=1), {}, dict(state_dict={'a': 1})):
        with pytest.raises(InputError, match='expected a dict of tensors, as a whole or under state_dict or best'):
            read_checkpoint(saved(content))
    for name, content in [('a.pth', b'nothing'), ('b.pth', b''), ('c.pth', Path(saved(STATE)).read_bytes()[:-99])]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f'{name} is damaged or no checkpoint'):
            read_checkpoint(str(tmp_path / name))
    (tmp_path / 'a.safetensors').write_bytes(b'nothing')
    with pytest.raises(InputError, match='damaged or no safetensors file'):
        read_checkpoint(str(tmp_path / 'a.safetensors'))
    for name in ('gone.pth', 'gone.safetensors', 'gone.pdparams'):
        with pytest.raises(FileNotFoundError, match=f'{name} does not exist'):
            read_checkpoint(str(tmp_path / name))


@pytest.mark.parametrize('name', ['tiny_p4', 'tiny_p2', 'tiny_numpy1_p2'])
def test_files_of_paddle(name):
    wanted = {key: torch.from_numpy(array) for key, array in np.load(DATA / 'tiny.npz').items()}
    assert same(read_checkpoint(str(DATA / f'{name}.pdparams')), wanted)


def test_bfloat16_of_paddle_and_halves_become_float32(saved, tmp_path):
    import pickle

    bits = torch.tensor([1.5, -2.0]).bfloat16().view(torch.int16).numpy().view(np.uint16)
    (tmp_path / 'a.pdparams').write_bytes(pickle.dumps(dict(a=bits, b=np.array([1, 2], '>f4'))))
    wanted = dict(a=torch.tensor([1.5, -2.0]), b=torch.tensor([1.0, 2.0]))
    assert same(read_checkpoint(str(tmp_path / 'a.pdparams')), wanted)
    assert same(read_checkpoint(saved(dict(a=torch.ones(2).half()))), dict(a=torch.ones(2)))


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors'])
def test_round_trip(name, tmp_path):
    path = str(tmp_path / 'new' / name)
    strided = {**STATE, 'b': torch.arange(6.0).view(2, 3).T}
    write_checkpoint(strided, dict(source='x', sigmas=np.ones(2)), path)
    assert same(read_checkpoint(path), strided)
    assert [file.name for file in (tmp_path / 'new').iterdir()] == [name]


def test_what_is_written(tmp_path):
    write_checkpoint(STATE, dict(source='x', sigmas=np.ones(2)), str(tmp_path / 'a.safetensors'))
    assert same(load_file(tmp_path / 'a.safetensors'))
    with safe_open(tmp_path / 'a.safetensors', 'pt') as file:
        assert file.metadata() == dict(source='x')
    write_checkpoint(STATE, dict(source='x'), str(tmp_path / 'a.pth'))
    assert torch.load(tmp_path / 'a.pth', weights_only=True)['meta'] == dict(source='x')
