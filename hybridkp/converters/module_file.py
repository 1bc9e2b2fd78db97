"""Reading the parameters of a pickled network whose classes nobody has, without running what is in the file."""

import collections
import io
import pickle
import types
import warnings
from pathlib import Path

import torch
from torch import Tensor

from hybridkp.converters.checkpoint_file import read_checkpoint
from hybridkp.errors import InputError

PLACES = ('ema', 'model')
"""Where a training's checkpoint keeps its networks; the first one that is there is the one to test with."""
ALLOWED = {
    ('collections', 'OrderedDict'): collections.OrderedDict,
    ('torch._utils', '_rebuild_tensor_v2'): torch._utils._rebuild_tensor_v2,
    ('torch._utils', '_rebuild_parameter'): torch._utils._rebuild_parameter,
    ('torch', 'Size'): torch.Size,
    **{(module, 'set'): set for module in ('builtins', '__builtin__')},
}
"""All that a file may call: what tensors and their containers are made by."""


class _StandIn:
    """Takes the place of every other class and function; keeps an object's state and does nothing with it."""

    dump_patches = False  # torch asks the classes of files in its first format

    def __new__(cls, *_arguments: object) -> '_StandIn':
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_arguments: object):
        pass

    def __call__(self, *_arguments: object) -> '_StandIn':
        return _StandIn()

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def append(self, _value: object) -> None:
        """Take the place of a list's method, which unpickling calls."""

    extend = append


class _Reader(pickle.Unpickler):
    """An unpickler that knows `ALLOWED`, torch's types of numbers, and otherwise stand-ins."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module in ('torch', 'torch.storage') and name.endswith('Storage'):
            return getattr(torch.storage if module == 'torch.storage' else torch, name)
        return _StandIn


def _load(file: io.IOBase, encoding: str = 'ASCII') -> object:
    return _Reader(file, encoding=encoding).load()


_PICKLE = types.SimpleNamespace(__name__='stand-ins', Unpickler=_Reader, load=_load, loads=None)


def read_network(path: str) -> dict[str, Tensor]:
    """Read the parameters and buffers of a network that was saved whole, by name, in float32.

    A file that is a state dict is taken, too. Of a training's checkpoint it is the averaged network, if there is one.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no checkpoint, or holds no network.
    """
    try:
        return read_checkpoint(path)
    except InputError:
        content = _unpickled(path)
    if isinstance(content, dict):
        found = [content[place] for place in PLACES if isinstance(content.get(place), _StandIn)]
        content = found[0] if found else content
    state = dict(_tensors(content, '')) if isinstance(content, _StandIn) else {}
    if not state:
        raise InputError(f'checkpoint {path}: expected a network, as a whole or under {" or ".join(PLACES)}')
    return {
        name.removeprefix('module.'): value.float() if value.is_floating_point() else value
        for name, value in state.items()
    }


def _unpickled(path: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that the source of the classes differs
            return torch.load(path, map_location='cpu', weights_only=False, pickle_module=_PICKLE)
    except Exception as error:  # a damaged pickle may raise whatever it likes
        reason = (str(error) or repr(error)).splitlines()[0]
        raise InputError(f'checkpoint {Path(path)} is damaged or no checkpoint: {reason}') from error


def _tensors(module: _StandIn, prefix: str) -> list[tuple[str, Tensor]]:
    """List what the state dict of a pickled module would hold."""
    state = module.state if isinstance(module.state, dict) else {}
    passing = state.get('_non_persistent_buffers_set') or ()
    buffers = {name: value for name, value in (state.get('_buffers') or {}).items() if name not in passing}
    own = [*(state.get('_parameters') or {}).items(), *buffers.items()]
    found = [(prefix + name, value.detach()) for name, value in own if isinstance(value, Tensor)]
    for name, child in (state.get('_modules') or {}).items():
        if isinstance(child, _StandIn):
            found += _tensors(child, f'{prefix}{name}.')
    return found
