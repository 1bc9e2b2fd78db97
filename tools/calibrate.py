"""Fit a map of a checkpoint's covariances to its errors on a config's validation set, and put it into a copy."""

import argparse
import io
import os.path as osp
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner, load_checkpoint
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp import stack
from hybridkp.datasets.coco_json import read_json
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.evaluation.calibration_statistics import coverages
from hybridkp.evaluation.sample_errors import error_vectors
from hybridkp.ops.calibration import (
    KINDS,
    Calibration,
    conformal_factor,
    constant_covariance,
    fit,
    mahalanobis2,
)
from hybridkp.ops.cross_validation import choose, cross_validate, fold_numbers

FOLDS = 5
LEVELS = (0.5, 0.68, 0.9, 0.95)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', nargs='+', help='the checkpoint file; an ensemble cannot be calibrated')
    parser.add_argument('--out', help='the copy with the map; default the name of the checkpoint with _calibrated')
    parser.add_argument(
        '--kind',
        choices=['auto', *KINDS],
        default='auto',
        help='scale: a factor a keypoint; affine: also an exponent; additive: a factor and a covariance a keypoint; '
        'auto (default): the one that is best when cross-validated',
    )
    parser.add_argument(
        '--conformal',
        type=float,
        metavar='LEVEL',
        help="scale the covariances so that the ellipses of this level, e.g. 0.9, hold that share of a new image's "
        'labels, however the errors are distributed; other levels then follow as they may',
    )
    parser.add_argument(
        '--trim',
        action='store_true',
        help='fit without the least likely errors: where some are gross, the ellipses then fit the others',
    )
    parser.add_argument('--work-dir', help='where the log goes; default work_dirs/NAME_OF_CONFIG')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def check_arguments(args: argparse.Namespace) -> Path:
    """Give the path of the copy.

    Raises:
        InputError: if there are several checkpoints, no such level, or if the copy would replace the checkpoint.
    """
    if len(args.checkpoint) > 1:
        raise InputError(
            f'expected one checkpoint, got {len(args.checkpoint)}: a map is fitted to one network and kept in its '
            "checkpoint; an ensemble leaves out its members' maps, as its covariances are those of the mean heatmaps"
        )
    if args.conformal is not None and not 0 < args.conformal < 1:
        raise InputError(f'--conformal: expected a level between 0 and 1, got {args.conformal:g}')
    (checkpoint,) = args.checkpoint
    if not args.out and '://' in checkpoint:
        raise InputError(f'--out: expected the file to write, as {checkpoint} is not one beside which it could lie')
    out = Path(args.out or Path(checkpoint).with_name(f'{Path(checkpoint).stem}_calibrated.pth'))
    if out.exists() and Path(checkpoint).exists() and out.samefile(checkpoint):
        raise InputError(f'--out: expected another file than the checkpoint {checkpoint} itself')
    return out


def ann_files(dataset: dict) -> dict[str, dict]:
    """Give the data sets of a config, which may be wrapped, by the paths of their annotation files."""
    parts = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    if parts:
        return {path: part for inner in parts for path, part in ann_files(inner).items()}
    return {osp.realpath(osp.join(dataset.get('data_root') or '', dataset['ann_file'])): dataset}


def images(dataset: dict) -> set[str]:
    """Give the paths of a data set's images."""
    found = set()
    for path, part in ann_files(dataset).items():
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get('images'), list):
            raise InputError(f'{path}: expected COCO annotations with a list "images"')
        folder = osp.join(part.get('data_root') or '', (part.get('data_prefix') or {}).get('img', ''))
        found |= {osp.realpath(osp.join(folder, image['file_name'])) for image in content['images']}
    return found


def check_images(cfg: Config) -> None:
    """Refuse to fit to images that are tested on, and warn of those that were trained on.

    Raises:
        InputError: if the validation set shares its annotation file or an image with the test set, or has no labels.
    """
    val, test, train = (cfg[f'{part}_dataloader'].dataset for part in ('val', 'test', 'train'))
    if val.get('bbox_file'):
        raise InputError(f"config {cfg.filename}: val_dataloader has a detector's boxes (bbox_file), and no labels")
    remedy = 'a test would flatter what was fitted to its images; give val_dataloader.dataset.ann_file others'
    if same := sorted(set(ann_files(val)) & set(ann_files(test))):
        raise InputError(f'config {cfg.filename}: val_dataloader and test_dataloader both read {same[0]}: {remedy}')
    ours = images(val)
    if shared := sorted(ours & images(test)):
        raise InputError(
            f'config {cfg.filename}: val_dataloader and test_dataloader share {len(shared)} images, the first is '
            f'{shared[0]}: {remedy}'
        )
    if all(map(osp.isfile, ann_files(train))) and (seen := ours & images(train)):
        print(
            f'warning: {len(seen)} of {len(ours)} images were trained on: their errors are smaller than those to come'
        )


def predict(runner: Runner, loader: torch.utils.data.DataLoader) -> list[PoseDataSample]:
    """Predict every sample of a data loader."""
    runner.model.eval()
    with torch.no_grad():
        return [sample for batch in loader for sample in runner.model.test_step(batch)]


def collect(samples: list[PoseDataSample]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give errors (N, K, 2), covariances (N, K, 2, 2) and weights (N, K) in input px, and the images' numbers (N,)."""
    errors, covariances, weights = (torch.stack(parts) for parts in zip(*map(measure, samples), strict=True))
    finite = covariances.flatten(-2).isfinite().all(dim=-1)
    covariances[~finite] = 0
    definite = torch.linalg.eigvalsh(covariances).amin(dim=-1) > 0
    covariances[~definite] = torch.eye(2).to(covariances)
    usable = definite & errors.isfinite().all(dim=-1)
    if wrong := int(((weights > 0) & ~usable).sum()):
        print(f'warning: {wrong} predictions are not finite or have no positive definite covariance, and are left out')
    names = np.unique([sample.img_path for sample in samples], return_inverse=True)[1]
    return errors, covariances, weights * usable, torch.from_numpy(names)


def measure(sample: PoseDataSample) -> tuple[Tensor, Tensor, Tensor]:
    """Give a sample's errors (K, 2), covariances (K, 2, 2) and weights (K,), in input px."""
    scale = np.asarray(sample.metainfo['input_scale']) / np.asarray(sample.metainfo['input_size'])
    errors = error_vectors(sample.to_dict())
    covariances = sample.pred_instances.keypoint_covariances[0].astype(float) / np.outer(scale, scale)
    labelled = ~np.isnan(errors).any(axis=1)
    return torch.from_numpy(errors / scale), torch.from_numpy(covariances), torch.from_numpy(labelled.astype(float))


def conformal_factors(distances: Tensor, known: Tensor, folds: Tensor, level: float) -> Tensor:
    """Give each sample (N,) the conformal factor of the squared distances (N, K) in the other folds."""
    factors = distances.new_ones(len(distances))
    for fold in folds.unique():
        others = folds != fold
        factors[folds == fold] = conformal_factor(distances[others][known[others]], level)
    return factors


def calibrate(data: tuple[Tensor, Tensor, Tensor, Tensor], args: argparse.Namespace) -> tuple[str, Calibration]:
    """Choose a kind of map, fit it and say what it is worth; gives both."""
    *data, groups = data
    folds, (errors, covariances, weights) = fold_numbers(groups, FOLDS), data
    best, table = choose(*data, folds, trim=args.trim)
    kind = best if args.kind == 'auto' else args.kind
    print_table(table, kind)
    calibration, known = fit(*data, kind, trim=args.trim), weights > 0
    before = mahalanobis2(errors, covariances)
    after = mahalanobis2(errors, cross_validate(*data, kind, folds, trim=args.trim))
    if args.conformal is not None:
        factor = conformal_factor(after[known], args.conformal)
        after = after / conformal_factors(after, known, folds, args.conformal)[:, None]
        calibration = calibration._replace(conformal=torch.tensor(factor))
        print(f'\nconformal factor of the level {args.conformal:g}: {factor:.4f}')
    print(f'\n{"labels in the ellipse of":<25}' + ''.join(f'{100 * level:>7g} %' for level in LEVELS))
    for name, distances in (('before', before), ('after (cross-validated)', after)):
        shares = coverages(distances[known].numpy(), LEVELS)
        print(f'{name:<25}' + ''.join(f'{share:>7.1f} %' for share in shares))
    return kind, calibration


def print_table(table: dict[str, float], kind: str) -> None:
    """Say what each kind of map is worth."""
    print(f'\n{"map":<25}mean negative log-likelihood of a label in nats, cross-validated')
    for name, loss in table.items():
        note = {kind: '   taken', 'constant': '   the same ellipse in every image'}.get(name, '')
        print(f'{name:<25}{loss:>9.4f}{note}')
    if min(table, key=table.get) == 'constant':
        print('the same ellipse in every image is better: the predicted covariances say little about the image')


def save(content: dict, calibration: Calibration, about: dict, out: Path) -> None:
    """Write what is needed for testing, with the map.

    Raises:
        InputError: if the file cannot be written.
    """
    state = content.get('state_dict', content)
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    state |= {f'head.calibration.{name}': value.float() for name, value in calibration._asdict().items()}
    meta = content.get('meta', {}) if 'state_dict' in content else {}
    file = io.BytesIO()
    torch.save(dict(state_dict=state, meta={**meta, 'calibration': about}), file)
    try:
        AtomicBackend().put(file.getvalue(), out)
    except OSError as error:
        raise InputError(f'checkpoint {out} cannot be written: {error.strerror}') from error


def load(path: str, model: nn.Module, config: str) -> dict:
    """Load a checkpoint into a model, without the map that it may have already; gives its content.

    Raises:
        InputError: if the model's head has no place for a map, or if the checkpoint is of another model.
    """
    calibration = getattr(getattr(model, 'head', None), 'calibration', None)
    if calibration is None:
        raise InputError(f"config {config}: the model's head has no calibration; GaussianHeatmapHead has one")
    check_checkpoint(path, model)
    content = load_checkpoint(model, path, map_location='cpu')
    calibration.assign(Calibration.identity(calibration.num_keypoints))
    return content


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    out = check_arguments(args)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    cfg.load_from, cfg.resume = None, False
    check_images(cfg)
    runner = build_runner(cfg, 'none')
    content = load(args.checkpoint[0], runner.model, cfg.filename)
    with explain_errors(cfg):
        loader = runner.build_dataloader(cfg.val_dataloader)
    data = collect(predict(runner, loader))
    errors, _, weights, groups = data
    count, labels, path = len(groups.unique()), int((weights > 0).sum()), loader.dataset.ann_file
    print(f"\ncalibrating on {count} images of val_dataloader's {path} with {labels} labels")
    try:
        kind, calibration = calibrate(data, args)
    except ValueError as error:
        raise InputError(f'{path}: {error}') from error
    constant = constant_covariance(errors, weights).flatten(-2)[:, [0, 1, 3]].tolist()
    about = dict(kind=kind, images=count, landmarks=labels, ann_file=path, constant=constant, conformal=args.conformal)
    save(content, calibration, about, out)
    print(f'\nwritten: {out}')


if __name__ == '__main__':
    run_tool(main)
