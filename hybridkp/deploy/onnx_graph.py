"""From a module to an ONNX graph with a free batch size."""

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import torch
from torch import Tensor, nn

from hybridkp.errors import InputError
from hybridkp.ops.static_graph import static_graph

INPUT = 'images'
"""The name of a graph's input."""
_PROGRAMS = (2, 6)
"""From this version of torch on its exporter of whole programs knows sizes that are free."""


def require_onnx() -> None:
    """Refuse to go on where a package is missing that exporting needs.

    Raises:
        InputError: if onnx, onnxruntime or, for the exporter of this torch, onnxscript is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f'exporting needs {error.name}, which is not installed: pip install -e .[deploy] brings it'
        ) from error


def make_graph(module: nn.Module, images: Tensor, names: Sequence[str], opset: int, programs: bool | None = None):
    """Export a module of images to an `onnx.ModelProto`, whose batch may have any size.

    Args:
        module: maps images to a tuple of tensors (B, ...).
        images: (B, C, H, W) with B of 2 at least; C, H and W are those of the graph.
        names: of the outputs.
        opset: the version of ONNX's operators.
        programs: whether torch's exporter of whole programs is used or the older one, which records what is done;
            None for what this torch has.

    Raises:
        InputError: if torch cannot export the module.
    """
    import onnx

    version = tuple(int(part) for part in torch.__version__.split('.')[:2])
    programs = version >= _PROGRAMS if programs is None else programs
    settings = dict(input_names=[INPUT], output_names=list(names), opset_version=opset, dynamo=programs)
    if programs:
        settings |= dict(dynamic_shapes=({0: 'batch'},), external_data=False, verbose=False)
    else:
        settings |= dict(dynamic_axes={name: {0: 'batch'} for name in (INPUT, *names)})
    file, quiet = io.BytesIO(), io.StringIO()
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), static_graph(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with redirect_stdout(quiet), redirect_stderr(quiet):
                module(images)  # what parts keep for later, they have now
                program = torch.onnx.export(module.eval(), (images,), None if programs else file, **settings)
    except Exception as error:  # the exporter may raise whatever its parts do
        raise InputError(f'torch {torch.__version__} cannot export this network: {_reason(error)}') from error
    finally:
        logging.disable(level)
    graph = program.model_proto if programs else onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(graph)
    found = next(domain.version for domain in graph.opset_import if domain.domain in ('', 'ai.onnx'))
    if found != opset:
        raise InputError(f'torch {torch.__version__} cannot export this network with opset {opset}: it gives {found}')
    return graph


def _reason(error: Exception) -> str:
    """Give the first line of what an error says, of the one at the bottom where others wrap it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
