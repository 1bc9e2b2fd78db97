"""The data set that a config tests on, without reading it."""

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.engine.launch import explain_errors
from hybridkp.errors import InputError


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
