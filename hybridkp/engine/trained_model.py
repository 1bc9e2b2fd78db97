"""The network of a config with the weights of checkpoints."""

import argparse
import math
from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from torch import nn

from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import explain_errors


def add_scales(parser: argparse.ArgumentParser) -> None:
    """Add the option that sets the scales of a config, see `with_scales`."""
    parser.add_argument(
        '--scales',
        nargs='+',
        type=_factor,
        metavar='FACTOR',
        help='look at each image in these scales and average the heatmaps, for example 0.93 1 1.07; default '
        'model.test_cfg.scales of the config, or 1',
    )


def with_scales(options: dict | None, scales: Sequence[float] | None) -> dict:
    """Give the settings that override a config's, with scales of images if some are given."""
    return {**(options or {}), **({'model.test_cfg.scales': list(scales)} if scales else {})}


def _factor(text: str) -> float:
    """Parse the factor of a zoom."""
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0.1 <= factor <= 10:
        raise argparse.ArgumentTypeError(f'expected a factor from 0.1 to 10, got {text!r}')
    return factor


def ensemble(model: dict, count: int) -> dict:
    """Give the config of an ensemble of so many models of a config, or the config itself for one in one scale.

    The scales are those of its ``test_cfg``.
    """
    scales = (model.get('test_cfg') or {}).get('scales') or [1.0]
    if count == 1 and list(scales) == [1.0]:
        return model
    member = {key: value for key, value in model.items() if key != 'data_preprocessor'}
    preprocessor = model.get('data_preprocessor')
    return dict(type='KeypointEnsemble', members=[member] * count, data_preprocessor=preprocessor, scales=scales)


def load(checkpoints: Sequence[str], model: nn.Module) -> None:
    """Load a checkpoint into a model, or several into the members of an ensemble, after checking each.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: a checkpoint is damaged or of another model.
    """
    model = getattr(model, 'module', model)
    for path, member in zip(checkpoints, getattr(model, 'members', [model]), strict=True):
        check_checkpoint(path, member)
        load_checkpoint(member, path, map_location='cpu', logger='silent')
    if hasattr(model, 'share_calibration'):
        model.share_calibration()


def build_trained(cfg: Config, checkpoints: Sequence[str], device: str | torch.device = 'cpu') -> nn.Module:
    """Build the network of a config for prediction, or the ensemble of several checkpoints.

    Args:
        cfg: the config.
        checkpoints: a file, or several whose heatmaps are averaged.
        device: where it runs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: a checkpoint is damaged or of another model, or the config cannot be built.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')), explain_errors(cfg):
        model = MODELS.build(ensemble(cfg.model, len(checkpoints)))
    load(checkpoints, model)
    return model.to(device).eval()
