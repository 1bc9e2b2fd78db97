"""Checks of a config that mmengine leaves out."""

import difflib
import inspect

from mmengine.config import Config
from mmengine.runner import Runner

from hybridkp.errors import InputError

_EXTRA_KEYS = {'default_scope', 'custom_imports', 'auto_scale_lr', 'sync_bn', 'find_unused_parameters'}
"""Top-level keys with a meaning that are no arguments of the runner."""

_REQUIRED_KEYS = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'default_hooks')


def runner_keys() -> set[str]:
    """Return the top-level keys of a config that have a meaning; all others are variables of its author."""
    return set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | _EXTRA_KEYS


def check_config(cfg: Config) -> None:
    """Refuse a config whose top-level keys look misspelt, which mmengine would ignore, or which lacks some.

    Raises:
        InputError: naming the file, the key and the one that was probably meant, or what is missing.
    """
    known = runner_keys()
    for key in cfg:
        close = [] if key in known else difflib.get_close_matches(key, known, n=1, cutoff=0.85)
        if close:
            raise InputError(f'{cfg.filename}: unknown key {key!r}, did you mean {close[0]!r}?')
    for key in _REQUIRED_KEYS:
        if cfg.get(key) is None:
            raise InputError(f'{cfg.filename}: the config has no {key!r}')
    for name, hook in cfg.default_hooks.items():
        if isinstance(hook, dict) and 'type' not in hook:
            raise InputError(f"{cfg.filename}: default_hooks has no 'type' for {name!r}, is it misspelt?")
