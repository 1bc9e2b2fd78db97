"""The network of a config and its checkpoints."""

from collections.abc import Sequence
from copy import deepcopy

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import explain_errors


def load_network(cfg: Config, checkpoints: Sequence[str]) -> BaseModel:
    """Build the model of a config, or an ensemble of as many as there are checkpoints, and load them.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        InputError: if a checkpoint is damaged or of another model, or the config builds none.
    """
    config = deepcopy(cfg.model)
    if len(checkpoints) > 1:
        preprocessor = config.pop('data_preprocessor', None)
        config = dict(type='KeypointEnsemble', members=[config] * len(checkpoints), data_preprocessor=preprocessor)
    with explain_errors(cfg):
        model = MODELS.build(config)
    for path, member in zip(checkpoints, getattr(model, 'members', [model]), strict=True):
        check_checkpoint(path, member)
        load_checkpoint(member, path, map_location='cpu')
    if hasattr(model, 'share_calibration'):
        model.share_calibration()
    return model.eval()
