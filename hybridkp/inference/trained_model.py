"""A network of a config with the weights of checkpoints."""

from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import DATASETS, MODELS
from torch import nn

from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import explain_errors
from hybridkp.errors import InputError


def build_trained(cfg: Config, checkpoints: Sequence[str], device: str | torch.device) -> nn.Module:
    """Build the network of a config for prediction, or the ensemble of several checkpoints.

    Args:
        cfg: the config.
        checkpoints: a file, or several whose heatmaps are averaged.
        device: where it runs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        InputError: a checkpoint is damaged or of another model, or the config cannot be built.
    """
    model = cfg.model
    if len(checkpoints) > 1:
        member = {key: value for key, value in model.items() if key != 'data_preprocessor'}
        members = [member] * len(checkpoints)
        model = dict(type='KeypointEnsemble', members=members, data_preprocessor=model.get('data_preprocessor'))
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')), explain_errors(cfg):
        network = MODELS.build(model)
    for path, member in zip(checkpoints, getattr(network, 'members', [network]), strict=True):
        check_checkpoint(path, member)
        load_checkpoint(member, path, map_location='cpu', logger='silent')
    if hasattr(network, 'share_calibration'):
        network.share_calibration()
    return network.to(device).eval()


def evaluated_set(cfg: Config) -> dict:
    """Give the settings of the data set that a config tests on, out of what may wrap it.

    Raises:
        InputError: if it has no pipeline.
    """
    dataset = cfg.test_dataloader.dataset
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    if not dataset.get('pipeline'):
        raise InputError(f'{cfg.filename}: expected a test set with a pipeline, got {dataset.get("type")} without one')
    return dataset


def trained_skeleton(cfg: Config) -> dict:
    """Give the meta information of the keypoints that a config's network predicts, without reading its data.

    Raises:
        InputError: if the config's test set does not say it.
    """
    dataset = evaluated_set(cfg)
    with explain_errors(cfg):
        if 'skeleton' in dataset:
            return skeleton_metainfo(dataset['skeleton'])
        try:
            with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')):
                return DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []}).metainfo
        except TypeError as error:
            raise InputError(
                f'{cfg.filename}: expected a test set with a skeleton, got {dataset.get("type")}'
            ) from error
