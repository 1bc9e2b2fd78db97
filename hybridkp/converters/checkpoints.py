"""From the names of a published checkpoint to those of a model here, with nothing left over and nothing missing."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hybridkp.converters.checkpoint_source import CheckpointSource
from hybridkp.converters.checkpoint_tables import OURS
from hybridkp.errors import InputError

SHOWN = 3
"""How many names an error lists."""


def convert(state: Mapping[str, Tensor], source: CheckpointSource, where: str) -> dict[str, Tensor]:
    """Rename a checkpoint's parameters to mmpose 1.x's names.

    The counters of batch normalisations (``num_batches_tracked``), which inference ignores and some files lack, are
    there for each one afterwards.

    Args:
        state: parameters by their names in the file.
        source: where the file comes from.
        where: what errors call the file.

    Raises:
        InputError: if a name is none of the source's, or if two become the same.
    """
    names = {name: source.new_name(name) for name in state if not source.drops(name)}
    unknown = [name for name, new in names.items() if new is None]
    if unknown:
        raise InputError(f'{where}: expected {source.what}, got names that it does not have: {listed(unknown)}')
    converted = {}
    for name, new in names.items():
        value = state[name]
        if new in converted:
            raise InputError(f'{where}: expected one parameter that becomes {new}, got {name} as well')
        converted[new] = source.changes[new](value) if new in source.changes else value
    for name in [name for name in converted if name.endswith('.running_var')]:
        counter = name.removesuffix('running_var') + 'num_batches_tracked'
        converted.setdefault(counter, torch.zeros((), dtype=torch.int64))
    return converted


def to_our_names(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Move deconvolutions, a part of mmpose's heads, to the neck, if that is where a model expects them."""
    if not any(name.startswith('neck.deconv_layers.') for name in expected):
        return dict(state)
    return {OURS.new_name(name): value for name, value in state.items()}


def differences(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """List, in words, what keeps parameters from being those of a model: missing ones, other shapes, left-over ones.

    A head's calibration, which no foreign checkpoint has, may be missing.
    """
    missing = [f'{name} is missing' for name in expected if name not in state and '.calibration.' not in name]
    shapes = [
        f'{name} has the shape {tuple(state[name].shape)}, expected {tuple(value.shape)}'
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
    return shapes + missing + [f'{name} is left over' for name in state if name not in expected]


def listed(items: Sequence[str]) -> str:
    """Join the first items and count the others."""
    more = f' and {len(items) - SHOWN} more' if len(items) > SHOWN else ''
    return ', '.join(items[:SHOWN]) + more
