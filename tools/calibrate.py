"""Fit a map of a checkpoint's covariances to its errors on a config's validation set, and put it into a copy.

python tools/calibrate.py CONFIG CHECKPOINT
python tools/calibrate.py CONFIG fold0.pth fold1.pth fold2.pth fold3.pth

The checkpoints of a cross-validation, of one config but for the data, get one map, fitted to what each of them predicts
on the validation set of its own training. An ensemble of them has it as well, as have other checkpoints (--into).
"""

import argparse
import io
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner, load_checkpoint
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp import stack
from hybridkp.datasets.held_out import check_images, fold_configs, warn_of_trained
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.evaluation.calibration_statistics import coverages
from hybridkp.evaluation.input_errors import input_errors
from hybridkp.ops.calibration import (
    KINDS,
    Calibration,
    constant_covariance,
    fit,
    mahalanobis2,
)
from hybridkp.ops.cross_validation import (
    choose,
    cross_validate,
    fold_factor,
    fold_numbers,
    gross_errors,
    left_out_factors,
)

FOLDS = 5
LEVELS = (0.5, 0.68, 0.9, 0.95)
HEAVY_TAIL = 0.03
"""Share of gross errors that a heavy tail has without any swaps."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', nargs='+', help='the checkpoint file, or those of a cross-validation')
    parser.add_argument(
        '--into', nargs='+', default=[], metavar='CHECKPOINT', help='put the map into copies of these instead'
    )
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
        'labels on average, however the errors are distributed, if it is an image like those here; other levels then '
        'follow as they may',
    )
    parser.add_argument(
        '--worst-fold',
        action='store_true',
        help='with --conformal and several checkpoints: take the factor of the fold that needs the largest one. Where '
        'folds are blocks of consecutive images, new images may differ from them as they differ from each other',
    )
    parser.add_argument(
        '--trim',
        action='store_true',
        help='fit, and choose a kind, without the least likely errors: where some are gross, as left taken for '
        'right, the ellipses then fit the others',
    )
    parser.add_argument('--work-dir', help='where the log goes; default work_dirs/NAME_OF_CONFIG')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def check_arguments(args: argparse.Namespace) -> dict[str, Path]:
    """Give the paths of the copies, by those of the checkpoints that they are made of.

    Raises:
        InputError: if there is no such level, no fold to choose, no place for a copy, or if one would replace its
            checkpoint.
    """
    if args.conformal is not None and not 0 < args.conformal < 1:
        raise InputError(f'--conformal: expected a level between 0 and 1, got {args.conformal:g}')
    if args.worst_fold and (args.conformal is None or len(args.checkpoint) == 1):
        raise InputError('--worst-fold: expected --conformal and the checkpoints of several folds')
    sources = args.into or args.checkpoint
    if args.out and len(sources) > 1:
        raise InputError(f'--out: expected none, as there are {len(sources)} checkpoints, got {args.out}')
    copies = {}
    for path in sources:
        if not args.out and '://' in path:
            raise InputError(f'--out: expected the file to write, as {path} is not one beside which it could lie')
        copies[path] = Path(args.out or Path(path).with_name(f'{Path(path).stem}_calibrated.pth'))
        if copies[path].exists() and Path(path).exists() and copies[path].samefile(path):
            raise InputError(f'--out: expected another file than the checkpoint {path} itself')
    return copies


def predict(runner: Runner, loader: torch.utils.data.DataLoader) -> list[PoseDataSample]:
    """Predict every sample of a data loader."""
    runner.model.eval()
    with torch.no_grad():
        return [sample for batch in loader for sample in runner.model.test_step(batch)]


def join(found: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Join what `input_errors` finds; gives errors, covariances, weights, and the folds (N,) to cross-validate with.

    Of several checkpoints each is a fold.
    """
    *data, images = (torch.cat(parts) for parts in zip(*found, strict=True))
    if len(found) == 1:
        return (*data, fold_numbers(images, FOLDS))
    return (*data, torch.cat([torch.full((len(part[0]),), number) for number, part in enumerate(found)]))


def calibrate(data: tuple[Tensor, Tensor, Tensor, Tensor], args: argparse.Namespace) -> tuple[str, Calibration, Tensor]:
    """Choose a kind of map, fit it and say what it is worth; gives both, and the constant (K, 2, 2) to compare with."""
    *data, folds = data
    errors, covariances, weights = data
    best, table = choose(*data, folds, trim=args.trim)
    kind = best if args.kind == 'auto' else args.kind
    print_table(table, kind)
    print_gross(int(gross_errors(*data, folds).sum()), int((weights > 0).sum()), args.trim)
    calibration, known = fit(*data, kind, trim=args.trim), weights > 0
    constant = constant_covariance(errors, weights, trim=args.trim)
    before = mahalanobis2(errors, covariances)
    after = mahalanobis2(errors, cross_validate(*data, kind, folds, trim=args.trim))
    if args.conformal is not None:
        rule = (known, folds, args.conformal, args.worst_fold)
        factor = fold_factor(after, *rule)
        after = after / left_out_factors(after, *rule)[:, None]
        calibration = calibration._replace(conformal=torch.tensor(factor))
        constant *= fold_factor(mahalanobis2(errors, cross_validate(*data, 'constant', folds, trim=args.trim)), *rule)
        print(f'\nconformal factor of the level {args.conformal:g}: {factor:.4f}')
    print(f'\n{"labels in the ellipse of":<25}' + ''.join(f'{100 * level:>7g} %' for level in LEVELS))
    for name, distances in (('before', before), ('after (cross-validated)', after)):
        shares = coverages(distances[known].numpy(), LEVELS)
        print(f'{name:<25}' + ''.join(f'{share:>7.1f} %' for share in shares))
    return kind, calibration, constant


def print_table(table: dict[str, float], kind: str) -> None:
    """Say what each kind of map is worth."""
    print(f'\n{"map":<25}mean negative log-likelihood of a label in nats, cross-validated')
    for name, loss in table.items():
        note = {kind: '   taken', 'constant': '   the same ellipse in every image'}.get(name, '')
        print(f'{name:<25}{loss:>9.4f}{note}')
    if min(table, key=table.get) == 'constant':
        print('the same ellipse in every image is better: the predicted covariances say little about the image')


def print_gross(count: int, labels: int, trimmed: bool) -> None:
    """Say how many errors are gross, and what is to be done where they are more than a tail."""
    if trimmed:
        print(f'fitted and chosen without gross errors, {count} of {labels}')
    elif count > HEAVY_TAIL * labels:
        print(f'{count} of {labels} errors are gross and make the ellipses wide: --trim fits and chooses without them')


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


def measure_all(runner: Runner, configs: list[Config], checkpoints: list[str]) -> tuple[list, list[str]]:
    """Give what `input_errors` finds for each checkpoint on its validation set, and the annotation files of those."""
    found, files = [], []
    for cfg, path in zip(configs, checkpoints, strict=True):
        load(path, runner.model, cfg.filename)
        with explain_errors(cfg):
            loader = runner.build_dataloader(cfg.val_dataloader)
        found.append(input_errors(predict(runner, loader)))
        files.append(loader.dataset.ann_file)
        count, labels = len(found[-1][3].unique()), int((found[-1][2] > 0).sum())
        print(f"\ncalibrating on {count} images of val_dataloader's {files[-1]} with {labels} labels")
    return found, files


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    copies = check_arguments(args)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    cfg.load_from, cfg.resume = None, False
    if 'merge_prior' in (cfg.model.get('test_cfg') or {}):
        cfg.model.test_cfg.merge_prior = False  # what is calibrated is what the network says alone
    if len(args.checkpoint) == 1:
        check_images(cfg)
    runner = build_runner(cfg, 'none')
    contents = {path: load(path, runner.model, cfg.filename) for path in dict.fromkeys([*args.checkpoint, *copies])}
    if len(args.checkpoint) == 1:
        warn_of_trained(cfg, args.checkpoint[0])
    configs = [cfg] if len(args.checkpoint) == 1 else fold_configs(cfg, args.checkpoint)
    found, files = measure_all(runner, configs, args.checkpoint)
    path = ', '.join(files)
    try:
        data = join(found)
        kind, calibration, constant = calibrate(data, args)
    except ValueError as error:
        raise InputError(f'{path}: {error}') from error
    count, labels = sum(len(part[3].unique()) for part in found), int((data[2] > 0).sum())
    about = dict(kind=kind, images=count, landmarks=labels, ann_file=path)
    about['constant'] = constant.flatten(-2)[:, [0, 1, 3]].tolist()
    about |= dict(conformal=args.conformal, worst_fold=args.worst_fold)
    print()
    for source, copy in copies.items():
        save(contents[source], calibration, about, copy)
        print(f'written: {copy}')


if __name__ == '__main__':
    run_tool(main)
