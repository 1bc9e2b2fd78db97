"""What every tool does between a config file and a runner."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from hybridkp.engine.config_check import check_config
from hybridkp.errors import InputError

_CONFIG_ERROR = re.compile(r'unexpected keyword argument|missing \d+ required|is not in the \S+ registry')


def load_config(path: str, options: dict | None, work_dir: str | None) -> Config:
    """Read a config, apply options and say where its results go (``work_dirs/NAME`` if nobody says).

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if the file is no config, or a key looks misspelt.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    try:
        cfg = Config.fromfile(path)
    except (SyntaxError, NameError, KeyError, TypeError) as error:
        raise InputError(f'config {path} cannot be read: {error}') from error
    cfg.merge_from_dict(options or {})
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
    return Runner.from_cfg(cfg)


def run_tool(main: Callable[[list[str] | None], None], argv: list[str] | None = None) -> None:
    """Run a tool's main function; a user's mistake ends it with one sentence and exit code 1."""
    os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')
    try:
        main(argv)
    except (InputError, FileNotFoundError) as error:
        sys.exit(f'error: {_last_line(error)}')
    except (TypeError, KeyError) as error:
        if not _CONFIG_ERROR.search(str(error)):
            raise
        sys.exit(f'error: config: {_last_line(error)}')
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _last_line(error: Exception) -> str:
    """Return the sentence of an error, also of one that a data loader's worker passed on with its traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
    return re.sub(r'^([\w.]+Error): ', '', lines[-1]) if 'Original Traceback' in str(error) else ' '.join(lines)
