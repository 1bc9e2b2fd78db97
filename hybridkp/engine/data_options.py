"""The folder and the files of a config's data, each said in one place."""

import copy
import os.path as osp
from collections.abc import Callable

from mmengine.config import Config

from hybridkp.errors import InputError

_FOLLOWERS = dict(train_dataloader='model', val_dataloader='val_evaluator', test_dataloader='test_evaluator')
"""What may read the annotation file of a loader's data set as well."""


def move_data(cfg: Config, root: str) -> None:
    """Have a config read its data from another folder.

    A config is a program that has run when options come: another value of its variable ``data_root`` would reach
    nobody. Here every text of the config that begins with the old value begins with the new one afterwards, those of
    data sets and of metrics alike.

    Args:
        cfg: the config, which is changed.
        root: the folder, with a slash at its end or without.

    Raises:
        InputError: the root is no text, the config has no such variable, or a data set lies elsewhere.
    """
    if not isinstance(root, str) or not root:
        raise InputError(f'{cfg.filename}: expected a folder as data_root, got {root!r}')
    old = cfg.get('data_root')
    if not isinstance(old, str) or not old:
        raise InputError(f'{cfg.filename}: the config has no data_root that could be changed; change its data sets')
    root = root if root.endswith('/') else f'{root}/'
    for name in _FOLLOWERS:
        place = (cfg.get(name) or {}).get('dataset', {}).get('data_root')
        if place is not None and not place.startswith(old):
            raise InputError(
                f'{cfg.filename}: data_root={root} does not reach {name}, whose data_root is {place!r} and not in '
                f'{old!r}'
            )
    for key in list(cfg):
        cfg[key] = _replace(cfg[key], lambda text: root + text[len(old) :] if text.startswith(old) else text)


def follow_files(cfg: Config, options: dict) -> None:
    """Have metrics and models read the annotation files that options give to the data sets.

    The option ``val_dataloader.dataset.ann_file`` changes the data set alone; the metric would go on with the file that
    was the data set's before. Here what of ``val_evaluator`` is that file becomes the new one; likewise with
    ``test_dataloader`` and ``test_evaluator``, and with ``train_dataloader`` and the targets of ``model``.

    Args:
        cfg: the config before the options, which is changed.
        options: the options, key to value.
    """
    for loader, follower in _FOLLOWERS.items():
        key = f'{loader}.dataset.'
        before = (cfg.get(loader) or {}).get('dataset', {})
        after = {name: options.get(key + name, before.get(name)) for name in ('data_root', 'ann_file')}
        old, new = _path(before), _path(after)
        if old and new and old != new and follower in cfg:
            cfg[follower] = _replace(cfg[follower], lambda text, old=old, new=new: new if text == old else text)


def _path(dataset: dict) -> str | None:
    """Return where a data set's annotation file is, None where it has no one file."""
    root, file = dataset.get('data_root'), dataset.get('ann_file')
    return osp.join(root or '', file) if file and isinstance(file, str) and isinstance(root, str | None) else None


def _replace(value: object, change: Callable[[str], str]) -> object:
    """Return a value of a config with its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        changed = copy.copy(value)
        for key in value:
            changed[key] = _replace(value[key], change)
        return changed
    if isinstance(value, list | tuple):
        return type(value)(_replace(part, change) for part in value)
    return value
