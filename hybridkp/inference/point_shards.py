"""Labels of many images in Parquet shards: whole or not at all, so that whoever was stopped goes on."""

import importlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from hybridkp.datasets.read_image import read_image
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.errors import InputError
from hybridkp.ops.anisotropic_blobs import AnisotropicBlobs

FIELDS = ('x', 'y', 'strength', 'sigma', 'angle', 'cov_xx', 'cov_xy', 'cov_yy')
"""What a shard has of each point of an image, float32 lists of one length; lengths in px, the angle in radians."""

_SETTINGS = 'settings.json'


def parquet() -> ModuleType:
    """Give pyarrow's Parquet module.

    Raises:
        InputError: if pyarrow is not installed.
    """
    try:
        return importlib.import_module('pyarrow.parquet')
    except ImportError as error:
        raise InputError('Parquet files need pyarrow, which is not installed: pip install pyarrow') from error


def begin(folder: str | Path, settings: dict) -> None:
    """Write down what the shards of a folder are made with, or check that it is what they were begun with.

    Raises:
        InputError: if the folder was begun with other settings, and names the first one that differs.
    """
    path = Path(folder) / _SETTINGS
    settings = json.loads(json.dumps(settings))
    if not path.is_file():
        AtomicBackend().put_text(json.dumps(settings, indent=1) + '\n', path)
        return
    try:
        before = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise InputError(f'{path}: broken JSON') from error
    for name in settings:
        if before.get(name) != settings[name]:
            raise InputError(
                f'{path}: expected {name} = {before.get(name)!r}, with which these labels were begun, '
                f'got {settings[name]!r}'
            )


def shard_path(folder: str | Path, number: int) -> Path:
    """Give the path of a shard."""
    return Path(folder) / f'labels-{number:05d}.parquet'


def write_shard(
    path: Path, root: str, names: Sequence[str], detect: Callable[[np.ndarray], AnisotropicBlobs], min_side: int
) -> list[str]:
    """Label some images below a root and write them as one shard, an image a row.

    The columns are ``image``, the path relative to the root, ``width``, ``height``, ``error`` and `FIELDS`. An image
    that cannot be used has its row as well, with what is wrong with it and no points.

    Returns:
        What is wrong, a sentence for each image that cannot be used.
    """
    arrow = importlib.import_module('pyarrow')
    columns = {name: [] for name in ('image', 'width', 'height', 'error', *FIELDS)}
    for name in names:
        row = _row(f'{root}/{name}', detect, min_side) | dict(image=name)
        for column, values in columns.items():
            values.append(row[column])
    kinds = dict(image=arrow.string(), error=arrow.string(), width=arrow.int32(), height=arrow.int32())
    lists = arrow.list_(arrow.float32())
    arrays = [arrow.array(values, type=kinds.get(column, lists)) for column, values in columns.items()]
    buffer = io.BytesIO()
    parquet().write_table(arrow.Table.from_arrays(arrays, names=list(columns)), buffer, compression='zstd')
    AtomicBackend().put(buffer.getvalue(), path)
    return [error for error in columns['error'] if error]


def read_shard(path: str | Path) -> list[dict]:
    """Read a shard: a dict an image, `FIELDS` as arrays (N,).

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no shard.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'shard {path} does not exist')
    try:
        table = parquet().read_table(str(path))
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these
        raise InputError(f'shard {path} is damaged: {str(error).splitlines()[0]}') from error
    missing = sorted({'image', 'width', 'height', 'error', *FIELDS} - set(table.column_names))
    if missing:
        raise InputError(f'shard {path}: expected the columns of point labels, got none named {", ".join(missing)}')
    return [row | {name: np.float32(row[name]) for name in FIELDS} for row in table.to_pylist()]


def _row(path: str, detect: Callable[[np.ndarray], AnisotropicBlobs], min_side: int) -> dict:
    empty = dict.fromkeys(FIELDS, ())
    try:
        image = read_image(path)
    except (InputError, FileNotFoundError) as error:
        return dict(width=0, height=0, error=str(error), **empty)
    height, width = image.shape[:2]
    size = dict(width=width, height=height)
    if min(height, width) < min_side:
        wrong = f'{path}: expected an image of at least {min_side} x {min_side} px, got {width} x {height}'
        return dict(error=wrong, **size, **empty)
    blobs = detect(image)
    covariances = blobs.covariances
    fields = (*blobs.points.T, blobs.strengths, blobs.sigmas, blobs.angles)
    fields += (covariances[:, 0, 0], covariances[:, 0, 1], covariances[:, 1, 1])
    return dict(error=None, **size, **dict(zip(FIELDS, map(np.float32, fields), strict=True)))
