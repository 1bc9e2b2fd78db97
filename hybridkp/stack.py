"""Mends in the installed packages, made before `mmpose.models` is imported.

Each is made only where it is needed: a compiled mmcv or an mmdet that imports is used.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType

import numpy
import torch
from torch import nn

_kept: list[torch.library.Library] = []  # an operator lives as long as the library that declared it


def mend() -> None:
    """Mend the installed packages and import `mmpose.models`; a second call does nothing."""
    _declare_torchvision_operators()
    _restore_numpy_constant()
    _format_configs_once()
    torch.serialization.add_safe_globals([numpy.dtypes.UInt8DType, numpy.dtypes.Float32DType])
    if 'mmpose.models' not in sys.modules:
        with _stand_ins():
            importlib.import_module('mmpose.models')


def _declare_torchvision_operators() -> None:
    """Declare the operators that torchvision expects of its CUDA library, which a CPU torch cannot load."""
    try:
        importlib.import_module('torchvision')
    except RuntimeError as error:
        if 'torchvision::nms' not in str(error):
            raise
        library = torch.library.Library('torchvision', 'FRAGMENT')
        library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        _kept.append(library)
        importlib.import_module('torchvision')


def _restore_numpy_constant() -> None:
    """Give back the flag that the mask functions of xtcocotools read and numpy 2 dropped."""
    if not hasattr(numpy, 'NPY_OWNDATA'):
        numpy.NPY_OWNDATA = 4


def _format_configs_once() -> None:
    """Remember formatted configs: mmengine has yapf format the same one, for seconds, at every checkpoint."""
    api = importlib.import_module('yapf.yapflib.yapf_api')
    if not hasattr(api.FormatCode, '__wrapped__'):
        api.FormatCode = _remember(api.FormatCode)


def _remember(format_code: Callable) -> Callable:
    results = {}

    @wraps(format_code)
    def remembered(text: str, style_config: dict) -> tuple[str, bool]:
        if text not in results:
            results[text] = format_code(text, style_config=style_config)
        return results[text]

    return remembered


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Stand in for `mmdet.utils` and `mmcv.ops`, where they do not import, until the block is left."""
    missing = {}
    if not _imports('mmdet.utils'):
        utils = importlib.import_module('mmpose.utils')
        typing = importlib.import_module('mmpose.utils.typing')
        missing['mmdet.utils'] = dict(ConfigType=typing.ConfigType, reduce_mean=utils.reduce_mean)
    if not _imports('mmcv._ext'):
        for name in ('mmcv.ops', 'mmcv.ops.multi_scale_deform_attn'):
            missing[name] = dict(MultiScaleDeformableAttention=_MissingAttention)
    for name, contents in missing.items():
        sys.modules[name] = ModuleType(name, 'A stand-in of hybridkp.')
        vars(sys.modules[name]).update(contents)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


class _MissingAttention(nn.Module):
    """The place of the only compiled layer that `mmpose.models` imports unconditionally."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise ImportError(
            'MultiScaleDeformableAttention needs the compiled operators of mmcv, '
            'and the installed mmcv was built without them.'
        )


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # a version check may be an AssertionError, a wrong build an OSError
        return False
    return True
