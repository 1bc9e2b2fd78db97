"""Which images a calibration may be fitted to: those that were neither trained on nor are tested on."""

import copy
import os.path as osp
from contextlib import suppress

import torch
from mmengine.config import Config

from hybridkp.datasets.dataset_files import annotation_files, image_files
from hybridkp.errors import InputError


def check_images(cfg: Config) -> None:
    """Refuse to fit to images that are tested on.

    Raises:
        InputError: if the validation set shares its annotation file or an image with the test set, or has no labels.
    """
    val, test = (cfg[f'{part}_dataloader'].dataset for part in ('val', 'test'))
    if val.get('bbox_file'):
        raise InputError(f"config {cfg.filename}: val_dataloader has a detector's boxes (bbox_file), and no labels")
    remedy = 'a test would flatter what was fitted to its images; give val_dataloader.dataset.ann_file others'
    if same := sorted(set(annotation_files(val)) & set(annotation_files(test))):
        raise InputError(f'config {cfg.filename}: val_dataloader and test_dataloader both read {same[0]}: {remedy}')
    if shared := sorted(image_files(val) & image_files(test)):
        raise InputError(
            f'config {cfg.filename}: val_dataloader and test_dataloader share {len(shared)} images, the first is '
            f'{shared[0]}: {remedy}'
        )


def warn_of_trained(cfg: Config, checkpoint: str | None = None) -> None:
    """Warn of images of the validation set that were trained on.

    Args:
        cfg: the config.
        checkpoint: a file that may record another training set than the config's.
    """
    train, ours = cfg.train_dataloader.dataset, image_files(cfg.val_dataloader.dataset)
    if checkpoint is not None and osp.isfile(checkpoint):
        with suppress(InputError, RuntimeError):  # of which nothing is known, as of a file of an older torch
            train = (_own_data(checkpoint) or {}).get('train_dataloader', train)
    if all(map(osp.isfile, annotation_files(train))) and (seen := ours & image_files(train)):
        print(
            f'warning: {len(seen)} of {len(ours)} images were trained on: their errors are smaller than those to come'
        )


def fold_configs(cfg: Config, checkpoints: list[str]) -> list[Config]:
    """Give for each checkpoint of a cross-validation the config with the data of its own training.

    Raises:
        InputError: if a checkpoint has no record of its config, if two were validated on the same image, or if one
            was validated on an image that is tested on.
    """
    folds = [_with_own_data(cfg, path) for path in checkpoints]
    validated: dict[str, str] = {}
    for fold, path in zip(folds, checkpoints, strict=True):
        for image in sorted(image_files(fold.val_dataloader.dataset)):
            if image in validated:
                raise InputError(f'checkpoints {validated[image]} and {path} were both validated on {image}')
            validated[image] = path
        check_images(fold)
        warn_of_trained(fold)
    return folds


def _with_own_data(cfg: Config, path: str) -> Config:
    """Replace a config's data by those that a checkpoint was trained and validated on."""
    data = _own_data(path)
    if data is None:
        raise InputError(f'checkpoint {path}: expected a record of its config, which says what it was validated on')
    fold = copy.deepcopy(cfg)
    for part, dataset in data.items():
        fold[part].dataset = dataset
    return fold


def _own_data(path: str) -> dict | None:
    """Give the data sets that a checkpoint records by the names of their loaders, None where it has no record."""
    content = torch.load(path, map_location='meta', weights_only=False, mmap=True)
    text = content.get('meta', {}).get('cfg') if 'state_dict' in content else None
    if not text:
        return None
    try:
        trained = Config.fromstring(text, '.py')
        return {part: trained[part].dataset for part in ('train_dataloader', 'val_dataloader')}
    except (SyntaxError, KeyError, AttributeError, OSError) as error:
        raise InputError(f'checkpoint {path}: its record of its config cannot be read: {error}') from error
