"""Reading the arrays of a Paddle checkpoint without running what else may be in the file.

A ``.pdparams`` file is a pickle of a dict of numpy arrays, and a pickle can call anything. Here it can call nothing but
stand-ins for the names that numpy arrays are pickled with.
"""

import pickle
from collections import OrderedDict
from math import prod

import numpy as np

from hybridkp.errors import InputError

NAMES_OF_PADDLE = 'StructuredToParameterName@@'
"""The key of what Paddle calls the arrays inside."""

PIECES = 'UnpackBigParamInfor@@'
"""The key of a file whose arrays of over 2^30 bytes are cut into pieces."""

_KINDS = 'fiub'
"""The kinds of numbers that an array may hold: floating point, integers, bool."""


def read_paddle(path: str) -> dict[str, np.ndarray]:
    """Read the arrays of a ``.pdparams`` or ``.pdema`` file, by name.

    It may be written under any version of numpy, with pickle protocols 2, 3 and 4. Arrays of bfloat16 are uint16 in the
    file and here.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if the file is damaged, would run code, or holds something else than arrays.
    """
    try:
        with open(path, 'rb') as file:
            content = _Reader(file).load()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'checkpoint {path} does not exist') from error
    except _Refused as error:
        raise InputError(f'checkpoint {path} is refused: {error}, and arrays need nothing of the kind') from error
    except Exception as error:  # bytes that are no pickle raise whatever they happen to mean
        raise InputError(f'checkpoint {path} is damaged or no Paddle file: {error}') from error
    if not isinstance(content, dict):
        raise InputError(f'checkpoint {path}: expected a dict of arrays, got {type(content).__name__}')
    if PIECES in content:
        raise InputError(f'checkpoint {path}: arrays that are cut into pieces ({PIECES}) cannot be read')
    content.pop(NAMES_OF_PADDLE, None)
    return {str(name): _array(value, f'checkpoint {path}: {name}') for name, value in content.items()}


class _Refused(pickle.UnpicklingError):
    """A pickle asks for something that arrays do not need."""


class _Dtype:
    """Stands in for `numpy.dtype`: a number's type and byte order."""

    def __init__(self, code: str, *_flags: bool):
        self.value = np.dtype(str(code))
        if self.value.kind not in _KINDS:
            raise _Refused(f'it holds an array of {self.value}')

    def __setstate__(self, state: tuple) -> None:
        self.value = self.value.newbyteorder('=' if state[1] == '|' else state[1])


class _Array:
    """Stands in for `numpy.ndarray`: it takes its numbers from bytes only."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise _Refused(f'it holds an array of {type(content).__name__}')
        if len(content) != prod(shape) * dtype.value.itemsize:
            raise ValueError(f'{len(content)} bytes for an array of the shape {tuple(shape)}')
        self.value = np.frombuffer(content, dtype.value).reshape(shape, order='F' if fortran else 'C')


def _new_array(*_about: object) -> _Array:
    """Stand in for numpy's ``_reconstruct``."""
    return _Array()


def _bytes(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, with which protocol 2 writes bytes."""
    if encoding not in ('latin1', 'latin-1'):
        raise _Refused(f'it encodes as {encoding}')
    return text.encode('latin1')


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names that arrays need and refuses all others."""

    known = {
        ('numpy.core.multiarray', '_reconstruct'): _new_array,
        ('numpy._core.multiarray', '_reconstruct'): _new_array,
        ('numpy', 'ndarray'): _Array,
        ('numpy', 'dtype'): _Dtype,
        ('_codecs', 'encode'): _bytes,
        ('collections', 'OrderedDict'): OrderedDict,
    }

    def find_class(self, module: str, name: str) -> object:
        """Give what stands in for a name."""
        if (module, name) not in self.known:
            raise _Refused(f'reading it would call {module}.{name}')
        return self.known[module, name]


def _array(value: object, where: str) -> np.ndarray:
    """Take the array out of what is stored under a name, an array or a pair (Paddle's name, array)."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if not isinstance(value, _Array) or value.value is None:
        raise InputError(f'{where}: expected an array, got {type(value).__name__}')
    return value.value
