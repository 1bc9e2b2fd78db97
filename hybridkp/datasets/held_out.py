"""Which images a calibration may be fitted to: those that were neither trained on nor are tested on."""

import copy
import os.path as osp

import torch
from mmengine.config import Config

from hybridkp.datasets.dataset_files import annotation_files, image_files
from hybridkp.errors import InputError


def check_images(cfg: Config) -> None:
    """Refuse to fit to images that are tested on, and warn of those that were trained on.

    Raises:
        InputError: if the validation set shares its annotation file or an image with the test set, or has no labels.
    """
    val, test, train = (cfg[f'{part}_dataloader'].dataset for part in ('val', 'test', 'train'))
    if val.get('bbox_file'):
        raise InputError(f"config {cfg.filename}: val_dataloader has a detector's boxes (bbox_file), and no labels")
    remedy = 'a test would flatter what was fitted to its images; give val_dataloader.dataset.ann_file others'
    if same := sorted(set(annotation_files(val)) & set(annotation_files(test))):
        raise InputError(f'config {cfg.filename}: val_dataloader and test_dataloader both read {same[0]}: {remedy}')
    ours = image_files(val)
    if shared := sorted(ours & image_files(test)):
        raise InputError(
            f'config {cfg.filename}: val_dataloader and test_dataloader share {len(shared)} images, the first is '
            f'{shared[0]}: {remedy}'
        )
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
    return folds


def _with_own_data(cfg: Config, path: str) -> Config:
    """Replace a config's data by those that a checkpoint was trained and validated on."""
    content = torch.load(path, map_location='meta', weights_only=False, mmap=True)
    text = content.get('meta', {}).get('cfg') if 'state_dict' in content else None
    if not text:
        raise InputError(f'checkpoint {path}: expected a record of its config, which says what it was validated on')
    try:
        trained = Config.fromstring(text, '.py')
        data = {part: trained[part].dataset for part in ('train_dataloader', 'val_dataloader')}
    except (SyntaxError, KeyError, AttributeError, OSError) as error:
        raise InputError(f'checkpoint {path}: its record of its config cannot be read: {error}') from error
    fold = copy.deepcopy(cfg)
    for part, dataset in data.items():
        fold[part].dataset = dataset
    return fold
