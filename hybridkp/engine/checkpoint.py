"""Finding and checking checkpoints before anything is overwritten."""

import pickle
import re
from pathlib import Path

import torch
from torch import nn

from hybridkp.errors import InputError

_CALIBRATION = re.compile(r'(^|\.)calibration\.')
"""What the names of a calibration's buffers have in them; checkpoints of before or from elsewhere have none."""


def latest_checkpoint(work_dir: str | Path) -> str | None:
    """Return the newest ``epoch_N.pth`` or ``iter_N.pth`` of a folder, or None where there is none."""
    found = [path for path in Path(work_dir).glob('*.pth') if re.fullmatch(r'(epoch|iter)_\d+', path.stem)]
    return str(max(found, key=lambda path: path.stat().st_mtime_ns)) if found else None


def check_checkpoint(path: str, model: nn.Module, partial: bool = False) -> None:
    """Refuse a checkpoint that does not fit a model; addresses with a scheme (``http://...``) are not looked into.

    Args:
        path: the file.
        model: the model that it shall be loaded into.
        partial: whether a part that fits will do, as for a fine-tuning.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no checkpoint, or of another model; names the first parameters that differ.
    """
    if '://' in path:
        return
    differences = _differences(_read(path), model.state_dict(), partial)
    if differences:
        raise InputError(f'checkpoint {path} is of another model: {_shown(differences)}')


def check_part(path: str, part: nn.Module, prefix: str = '') -> list[str]:
    """Refuse a checkpoint that lacks parameters of a part of a model, of which mmengine would load the rest.

    Addresses with a scheme (``http://...``) are not looked into.

    Args:
        path: the file.
        part: the part that it shall be loaded into, as the backbone.
        prefix: what the names of its parameters begin with in the file.

    Returns:
        The names, without the prefix, of the file's parameters that the part does not have.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no checkpoint, or a parameter is missing or has another shape; names the first ones.
    """
    if '://' in path:
        return []
    found = {key.removeprefix(prefix): value for key, value in _read(path).items() if key.startswith(prefix)}
    if not found:
        raise InputError(f'checkpoint {path} has no parameters whose names begin with {prefix!r}')
    counters = {key for key in part.state_dict() if key.endswith('num_batches_tracked')}  # old files have none
    expected = {key: value for key, value in part.state_dict().items() if key in found or key not in counters}
    known = {key: value for key, value in found.items() if key in expected}
    if differences := _differences(known, expected, partial=False):
        raise InputError(f'checkpoint {path} does not fit the {type(part).__name__}: {_shown(differences)}')
    return [key for key in found if key not in expected]


def _read(path: str) -> dict:
    """Read the parameters of a checkpoint, without their values."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    try:
        content = torch.load(path, map_location='meta', weights_only=False, mmap=True)
    except (RuntimeError, ValueError, EOFError, KeyError, OSError, pickle.UnpicklingError) as error:
        raise InputError(f'checkpoint {path} is damaged or no checkpoint: {str(error).splitlines()[0]}') from error
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f'checkpoint {path} holds no parameters')
    return state


def _shown(differences: list[str]) -> str:
    """Return the first differences."""
    return '; '.join(differences[:3]) + (f'; and {len(differences) - 3} more' if len(differences) > 3 else '')


def _differences(found: dict, expected: dict, partial: bool) -> list[str]:
    """List what differs between two state dicts, in words."""
    found, expected = _parameters(found), _parameters(expected)
    if partial:
        found = {key: value for key, value in found.items() if not _CALIBRATION.search(key)}
        fits = any(key in expected and expected[key].shape == value.shape for key, value in found.items())
        return [] if fits else ['none of its parameters fits']
    shapes = [
        f'{key} has shape {tuple(found[key].shape)}, expected {tuple(expected[key].shape)}'
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    optional = not any(_CALIBRATION.search(key) for key in found)  # a calibration is there as a whole or not at all
    missing = [
        f'{key} is missing' for key in expected if key not in found and not (optional and _CALIBRATION.search(key))
    ]
    return shapes + missing + [f'{key} is unknown' for key in found if key not in expected]


def _parameters(state: dict) -> dict:
    """Drop what differs without harm: the prefix of a distributed model, the constants of the preprocessor."""
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    return {key: value for key, value in state.items() if not key.startswith('data_preprocessor.')}
