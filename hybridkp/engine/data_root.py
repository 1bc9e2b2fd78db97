"""The folder of a config's data, said in one place."""

from mmengine.config import Config

from hybridkp.errors import InputError

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


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
    for name in _LOADERS:
        place = (cfg.get(name) or {}).get('dataset', {}).get('data_root')
        if place is not None and not place.startswith(old):
            raise InputError(
                f'{cfg.filename}: data_root={root} does not reach {name}, whose data_root is {place!r} and not in '
                f'{old!r}'
            )
    for key in list(cfg):
        cfg[key] = _moved(cfg[key], old, root)


def _moved(value: object, old: str, new: str) -> object:
    """Return a value of a config with `new` in place of `old` at the beginning of its texts."""
    if isinstance(value, str):
        return new + value[len(old) :] if value.startswith(old) else value
    if isinstance(value, dict):
        for key in value:
            value[key] = _moved(value[key], old, new)
        return value
    if isinstance(value, list | tuple):
        return type(value)(_moved(part, old, new) for part in value)
    return value
