"""Paddle's files: its own ones, and pickles that would run code."""

import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from hybridkp.converters.paddle_file import read_paddle
from hybridkp.errors import InputError

DATA = Path(__file__).parents[1] / 'data/hrnet_w32'


class Call:
    """Is pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def write(tmp_path):
    def write(content, protocol=4):
        path = tmp_path / 'a.pdparams'
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return str(path)

    return write


@pytest.mark.parametrize('name', ['tiny_p4', 'tiny_p2', 'tiny_numpy1_p2'])
def test_files_of_paddle(name):
    found, wanted = read_paddle(str(DATA / f'{name}.pdparams')), np.load(DATA / 'tiny.npz')
    assert set(found) == set(wanted)
    for key, array in found.items():
        assert array.dtype == wanted[key].dtype
        np.testing.assert_array_equal(array, wanted[key])


@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('dtype', ['f4', 'f8', 'f2', 'i8', 'u2', 'u1', '?', '>f4', '>i4'])
def test_types_orders_and_shapes(dtype, protocol, write):
    whole = (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)
    arrays = OrderedDict(c=whole, fortran=np.asfortranarray(whole), scalar=whole[0, 0, 1:2].reshape(()))
    if protocol > 2:  # which would call bytes() for no bytes
        arrays['empty'] = whole[:0]
    found = read_paddle(write(arrays, protocol))
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype and found[key].shape == array.shape
        np.testing.assert_array_equal(found[key], array)


def test_pairs_and_the_names_inside(write):
    content = {'a': ('linear_0.w_0', np.ones(3)), 'StructuredToParameterName@@': {'a': 'linear_0.w_0'}}
    assert list(read_paddle(write(content))) == ['a']


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize(
    'function, arguments',
    [
        (os.system, ('touch done',)),
        (subprocess.check_output, (('touch', 'done'),)),
        (eval, ("open('done', 'w')",)),
        (exec, ("open('done', 'w')",)),
        (getattr, ('', 'join')),
        (np.load, ('done',)),
        (np.fromfile, ('done',)),
        (__import__, ('os',)),
    ],
)
def test_pickles_that_would_run_code_are_refused(function, arguments, protocol, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write({'a': Call(function, *arguments)}, protocol)
    with pytest.raises(InputError, match=rf'{path} is refused: reading it would call \S+\.{function.__name__}, and'):
        read_paddle(path)
    assert not Path('done').exists()
    if function in (os.system, eval, exec):
        pickle.loads(Path(path).read_bytes())  # what would have happened
        assert Path('done').exists()


def test_known_names_do_nothing_else_than_they_should(write):
    with pytest.raises(InputError, match='refused: it encodes as zlib'):
        read_paddle(write(b'c_codecs\nencode\n(Vx\nVzlib\ntR.'))
    objects = np.array([None, {}], dtype=object)
    for content in ({'a': objects}, {'a': np.array(['x'])}, {'a': np.zeros(2, 'f4,f4')}):
        with pytest.raises(InputError, match='refused: it holds an array of'):
            read_paddle(write(content))
    # ndarray is called, and with a size that no memory has
    with pytest.raises(InputError, match='damaged or no Paddle file'):
        read_paddle(write(b'cnumpy\nndarray\n((I99999999999999\nttR.'))


def test_what_is_no_dict_of_arrays(write, tmp_path):
    for content, message in [
        (b'', 'damaged or no Paddle file'),
        (b'no pickle', 'damaged or no Paddle file'),
        (pickle.dumps({'a': np.ones(9)})[:-9], 'damaged or no Paddle file'),
        ([1, 2], 'expected a dict of arrays, got list'),
        ({'a': 3}, r'a.pdparams: a: expected an array, got int'),
        ({'a': {'b': np.ones(2)}}, 'a: expected an array, got dict'),
        ({'a': np.ones(2), 'UnpackBigParamInfor@@': {}}, 'cut into pieces'),
    ]:
        with pytest.raises(InputError, match=message):
            read_paddle(write(content))
    with pytest.raises(FileNotFoundError, match='checkpoint .*gone.pdparams does not exist'):
        read_paddle(str(tmp_path / 'gone.pdparams'))


def test_too_few_bytes_for_a_shape(write):
    shortened = pickle.dumps({'a': np.arange(4, dtype='u1')}, 2).replace(b'K\x04\x85', b'K\x09\x85')
    with pytest.raises(InputError, match=r'4 bytes for an array of the shape \(9,\)'):
        read_paddle(write(shortened))
