"""Reading and writing checkpoints without running what may be in them."""

import io
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from hybridkp.converters.paddle_file import read_paddle
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.errors import InputError

PLACES = ('state_dict', 'best_state_dict')
"""Where a file that is more than a dict of tensors keeps the parameters."""


class _Nothing:
    """Stands in for the logs that mmengine writes beside the parameters, and for how it names their methods."""

    def __init__(self, *_about: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


_ARRAYS = np._core.multiarray
_NUMBERS = ('Bool', 'Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float32', 'Float64')
HARMLESS = [
    (_Nothing, 'mmengine.logging.history_buffer.HistoryBuffer'),
    (_Nothing, 'builtins.getattr'),
    np.ndarray,
    np.dtype,
    *(getattr(np.dtypes, f'{name}DType') for name in _NUMBERS),
    *(
        (getattr(_ARRAYS, name), f'numpy.{core}.multiarray.{name}')
        for name in ('_reconstruct', 'scalar')
        for core in ('core', '_core')
    ),
]
"""What mmengine writes beside tensors: numbers of numpy, and logs, of which nothing is made."""


def read_checkpoint(path: str) -> dict[str, Tensor]:
    """Read the parameters of a checkpoint, by name, in float32 where they are floating point of another width.

    By the file's suffix: ``.safetensors``, Paddle's ``.pdparams`` and ``.pdema``, and everything else is a file of
    torch. What a distributed model puts before the names (``module.``) is dropped.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no checkpoint, or if it could be read only by running code that is in it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    suffix = Path(path).suffix
    if suffix == '.safetensors':
        state = _read_safetensors(path)
    elif suffix in ('.pdparams', '.pdema'):
        state = {name: _tensor(array) for name, array in read_paddle(path).items()}
    else:
        state = _read_torch(path)
    return {
        name.removeprefix('module.'): value.float() if value.is_floating_point() else value
        for name, value in state.items()
    }


def write_checkpoint(state: Mapping[str, Tensor], meta: Mapping, path: str) -> None:
    """Write parameters, whole or not at all.

    As ``.safetensors`` that are the tensors and what of `meta` is text, else, with torch, a dict of ``state_dict`` and
    ``meta``, which is what mmengine writes.
    """
    if Path(path).suffix == '.safetensors':
        texts = {key: value for key, value in meta.items() if isinstance(value, str)}
        content = save({name: value.contiguous() for name, value in state.items()}, texts)
    else:
        buffer = io.BytesIO()
        torch.save(dict(state_dict=dict(state), meta=dict(meta)), buffer)
        content = buffer.getvalue()
    AtomicBackend().put(content, path)


def _read_safetensors(path: str) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f'checkpoint {path} is damaged or no safetensors file: {error}') from error


def _read_torch(path: str) -> dict[str, Tensor]:
    try:
        known = torch.serialization.get_safe_globals()  # which the context would take away when it is left
        with torch.serialization.safe_globals([one for one in HARMLESS if one not in known]):
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(_what_is_in_the_way(path, str(error))) from error
    except (RuntimeError, ValueError, EOFError, KeyError, OSError, AttributeError) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise InputError(f'checkpoint {path} is damaged or no checkpoint: {reason}') from error
    state = content
    for place in PLACES:
        if isinstance(content, dict) and isinstance(content.get(place), dict):
            state = content[place]
            break
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        places = ' or '.join(PLACES)
        raise InputError(f'checkpoint {path}: expected a dict of tensors, as a whole or under {places}')
    return state


def _what_is_in_the_way(path: str, message: str) -> str:
    """Say why torch's safe reader refuses a file, and what to do."""
    found = re.search(r'(?:Unsupported (?:global|class): GLOBAL|GLOBAL|global) ([\w.]+)', message)
    if not found:
        return f'checkpoint {path} is damaged or no checkpoint: {message.splitlines()[0]}'
    return (
        f'checkpoint {path} is refused: reading it would make a {found[1]}, which is no parameter and may run code; '
        f'if you trust where the file comes from, write its parameters alone with python -c "import torch; '
        f"torch.save(torch.load('{Path(path).name}', weights_only=False)['state_dict'], 'parameters.pth')\" "
        'and convert those'
    )


def _tensor(array: np.ndarray) -> Tensor:
    """Make a tensor of an array of Paddle, where uint16 are the bits of bfloat16."""
    array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder('='))
    if array.dtype == np.uint16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)
