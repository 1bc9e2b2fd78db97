"""What every tool does between a config file and a runner."""

import gc
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from hybridkp.engine.config_check import check_config
from hybridkp.engine.data_options import follow_files, move_data
from hybridkp.errors import InputError

_CONFIG_ERROR = re.compile(
    r'unexpected keyword argument|missing \d+ required|is not in the \S+ registry|should be an? '
)


def load_config(path: str, options: dict | None, work_dir: str | None) -> Config:
    """Read a config, apply options and say where its results go (``work_dirs/NAME`` if nobody says).

    The option ``data_root`` moves all of its data, see `move_data`; other options come after that one. An annotation
    file that is given to a data set reaches its metric as well, see `follow_files`.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if the file is no config, the options do not fit it, or a key looks misspelt.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is a program: it may raise whatever it likes
        raise InputError(f'config {path} cannot be read: {_sentence(error)}') from error
    options = dict(options or {})
    if 'data_root' in options:
        move_data(cfg, options.pop('data_root'))
    follow_files(cfg, options)
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError) as error:
        raise InputError(f'--cfg-options do not fit config {path}: {_sentence(error)}') from error
    check_config(cfg)
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(Path('work_dirs') / Path(path).stem)
    return cfg


def build_runner(cfg: Config, launcher: str) -> Runner:
    """Build the runner for one process or for one of several.

    Without GPUs several processes talk by gloo: mmengine itself would ask for a GPU.

    Raises:
        InputError: if Slurm is asked for without GPUs.
    """
    cfg.launcher = launcher
    if launcher != 'none' and not torch.cuda.is_available():
        if launcher != 'pytorch':
            raise InputError(f'--launcher {launcher} needs GPUs, and torch sees none here; use --launcher pytorch')
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
    with explain_errors(cfg):
        return Runner.from_cfg(cfg)


@contextmanager
def explain_errors(cfg: Config) -> Iterator[None]:
    """Turn an error that is the config's fault into an `InputError` that names the config.

    That are names that do not fit, and values that a part refuses with a `ValueError` when it is built.
    """
    try:
        yield
    except InputError:
        raise
    except (TypeError, KeyError, ValueError) as error:
        frames = traceback.walk_tb(error.__traceback__)
        built = any(frame.f_code.co_name == 'build_from_cfg' for frame, _ in frames)
        if not _CONFIG_ERROR.search(str(error)) and not (built and isinstance(error, ValueError)):
            raise
        raise InputError(f'config {cfg.filename}: {_sentence(error)}') from error


def run_tool(main: Callable[[list[str] | None], None], argv: list[str] | None = None) -> None:
    """Run a tool's main function; a user's mistake ends it with one sentence and exit code 1."""
    os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')
    try:
        main(argv)
        sys.stdout.flush()
        if torch.distributed.is_initialized():
            torch.distributed.barrier()  # who leaves while others still talk may abort
    except (InputError, FileNotFoundError) as error:
        sys.exit(f'error: {_sentence(error)}')
    except BrokenPipeError:  # who read the output, as head does, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        if torch.distributed.is_initialized():
            gc.collect()  # a runner in a reference cycle would hold the group's threads past the interpreter's end
            torch.distributed.destroy_process_group()


def _sentence(error: Exception) -> str:
    """Return what an error says on one line, also of one that a data loader's worker passed on with its traceback."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    lines = [line for line in text.splitlines() if line.strip()] or [repr(error)]
    if 'Original Traceback' in text:
        return re.sub(r'^([\w.]+Error): ', '', lines[-1])
    return ' '.join(lines).split('. Please check')[0]
