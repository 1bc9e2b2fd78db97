"""Evaluate a checkpoint, or several together, on a config's test set."""

import argparse
import json
import math
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from hybridkp import stack
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool
from hybridkp.engine.prediction_shift import apply_guarded
from hybridkp.engine.trained_model import add_scales, ensemble, load, with_scales
from hybridkp.errors import InputError
from hybridkp.evaluation import CovarianceCalibration, LandmarkFile, MeasureFile, RadialError, ResultFile
from hybridkp.evaluation.protocol import build_protocol


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', nargs='+', help='the checkpoint file; the heatmaps of several are averaged')
    parser.add_argument(
        '--work-dir',
        help='where the log, metrics.json and, of radial errors, landmarks.csv go; default work_dirs/NAME_OF_CONFIG',
    )
    add_scales(parser)
    parser.add_argument('--out', help='write the predictions with their covariances to this COCO result file (.json)')
    parser.add_argument('--landmarks', help='write the predicted landmarks with their standard deviations here (.csv)')
    parser.add_argument(
        '--measures',
        help="write the skeleton's measures, angles and distances, with their standard deviations and errors here "
        '(.csv)',
    )
    parser.add_argument(
        '--show-dir',
        help='draw the predictions beside their labels into this folder, the worst image first, and errors.png, '
        'the errors by keypoint; the predictions go there as well (results.json) unless --out says where',
    )
    parser.add_argument(
        '--calibration',
        action='store_true',
        help='measure whether the covariances can be trusted, by landmark in calibration.csv in the work dir, and '
        'with --show-dir in reliability.png and risk_coverage.png',
    )
    parser.add_argument('--show-count', type=int, default=20, help='how many images --show-dir draws (default 20)')
    add_speed_arguments(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def add_speed_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a test faster."""
    parser.add_argument('--amp', choices=InferenceSettings.dtypes, help='run backbone and neck in half precision')
    parser.add_argument('--channels-last', action='store_true', help='lay images and weights out channels last')
    parser.add_argument('--compile', action='store_true', help='compile backbone and neck, which takes minutes')
    parser.add_argument(
        '--max-shift',
        type=float,
        default=0.1,
        metavar='PX',
        help='refuse the three options above if they move keypoints by more than so many px of the input on 16 images '
        '(default %(default)s; inf: do not look)',
    )


def report(metrics: dict[str, float], boxes: str, work_dir: str, protocol: dict | None = None) -> None:
    """Print the metrics as a table and write them to ``metrics.json``; what is undefined (COCO's -1, NaN) is null.

    A protocol is written as well.
    """
    width = max(map(len, [*metrics, 'boxes']))
    print(f'\n{"boxes":<{width}}  {boxes}')
    undefined = {
        name for name, value in metrics.items() if not math.isfinite(value) or (value == -1 and 'coco/' in name)
    }
    for name, value in metrics.items():
        print(f'{name:<{width}}  {"-" if name in undefined else value if isinstance(value, int) else f"{value:.4f}"}')
    defined = {name: None if name in undefined else value for name, value in metrics.items()}
    text = json.dumps({'boxes': boxes, **defined, **(dict(protocol=protocol) if protocol else {})}, indent=1)
    AtomicBackend().put_text(text, Path(work_dir) / 'metrics.json')


def add_evaluators(cfg: Config, results: str | None) -> None:
    """Have a config's test write its table by landmark and, if a file is given, its predictions."""
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    table = dict(csv=str(Path(cfg.work_dir) / 'landmarks.csv'))
    evaluators = [{**table, **one} if one['type'] == 'RadialError' else one for one in evaluators]
    cfg.test_evaluator = [*evaluators, *([dict(type='ResultFile', path=results)] if results else [])]


def check_files(cfg: Config, args: argparse.Namespace) -> None:
    """Refuse options that would have two tables in one file."""
    paths = [one['csv'] for one in cfg.test_evaluator if one.get('csv')] + [Path(cfg.work_dir) / 'calibration.csv']
    for path in filter(None, (args.landmarks, args.measures)):
        if Path(path).resolve() in [Path(other).resolve() for other in paths]:
            raise InputError(f'{path}: expected a file of its own for each table, got one for two of them')
        paths.append(path)


def constant_covariances(checkpoints: list[str]) -> list | None:
    """Give the constant covariances that a checkpoint holds, or all of several have in common, or None."""
    found = []
    for path in checkpoints:
        local = '://' not in path
        content = torch.load(path, map_location='meta', weights_only=False, mmap=True) if local else {}
        found.append(content.get('meta', {}).get('calibration', {}).get('constant'))
    if found[0] is None or any(constant != found[0] for constant in found):
        why = 'tools/calibrate.py puts them into a checkpoint'
        if found[0] is not None:
            why = 'those of networks that were calibrated one by one are none of their ensemble'
        MMLogger.get_current_instance().info(f'no constant covariances to compare the predicted ones with: {why}')
        return None
    return found[0]


def add_calibration(runner: Runner, checkpoints: list[str]) -> CovarianceCalibration:
    """Have a runner's test measure the covariances as well, in the unit of its radial errors."""
    table = str(Path(runner.work_dir) / 'calibration.csv')
    metric = CovarianceCalibration(constant=constant_covariances(checkpoints), unit=unit_of(runner), csv=table)
    add_metric(runner, metric)
    return metric


def add_tables(runner: Runner, landmark_path: str | None, measure_path: str | None) -> None:
    """Have a runner's test write landmarks and measures, in the unit of its radial errors, where a file is given."""
    if landmark_path:
        add_metric(runner, LandmarkFile(landmark_path, unit_of(runner)))
    if measure_path:
        add_metric(runner, MeasureFile(measure_path, unit_of(runner)))


def unit_of(runner: Runner) -> str:
    """Give the unit of a runner's radial errors, px where it measures none."""
    return next((metric.unit for metric in runner.test_evaluator.metrics if isinstance(metric, RadialError)), 'px')


def add_metric(runner: Runner, metric: BaseMetric) -> None:
    """Append a metric to those of a runner's test."""
    metric.dataset_meta = runner.test_evaluator.dataset_meta
    runner.test_evaluator.metrics.append(metric)


def speed_up(runner: Runner, settings: InferenceSettings, max_shift: float) -> None:
    """Run a runner's model under settings, if they leave the keypoints where they are, and log how far they move."""
    shift = apply_guarded(settings, runner.model, runner.test_dataloader, max_shift)
    if shift:
        MMLogger.get_current_instance().info(f'{settings} moves {shift}')


def stamp(runner: Runner, cfg: Config, checkpoints: list[str], inference: dict) -> dict:
    """Say how a runner's predictions come about, in their file as well; gives the protocol."""
    metrics = runner.test_evaluator.metrics
    protocol = build_protocol(cfg, runner.test_dataloader.dataset, metrics, checkpoints, runner.model, inference)
    for metric in metrics:
        if isinstance(metric, ResultFile):
            metric.protocol, metric.score_mode = protocol, protocol['score_mode'] or metric.score_mode
    return protocol


def show(cfg: Config, args: argparse.Namespace, calibration: CovarianceCalibration | None) -> None:
    """Draw what a test found."""
    from hybridkp.inference.gallery import compare, write_gallery

    pictures = write_gallery(*compare(cfg.test_dataloader.dataset, args.out), args.show_dir, args.show_count)
    if calibration:
        pictures += write_calibration(calibration, Path(args.show_dir))
    print(f'\n{len(pictures)} pictures in {args.show_dir}')


def write_calibration(calibration: CovarianceCalibration, folder: Path) -> list[Path]:
    """Write the plots of a calibration."""
    from hybridkp.inference.calibration_plot import plot_reliability, plot_risk_coverage

    plots = {
        'reliability.png': plot_reliability(calibration.distances),
        'risk_coverage.png': plot_risk_coverage(calibration.errors, calibration.uncertainties, calibration.unit),
    }
    for name, content in plots.items():
        AtomicBackend().put(content, folder / name)
    return [folder / name for name in plots]


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    cfg = load_config(args.config, with_scales(args.cfg_options, args.scales), args.work_dir)
    cfg.load_from, cfg.resume = None, False
    cfg.model = ensemble(cfg.model, len(args.checkpoint))
    if args.show_dir:
        from hybridkp.inference.gallery import check_folder

        check_folder(args.show_dir)
        args.out = args.out or str(Path(args.show_dir) / 'results.json')
    add_evaluators(cfg, args.out)
    check_files(cfg, args)
    runner = build_runner(cfg, args.launcher)
    load(args.checkpoint, runner.model)
    with explain_errors(cfg):
        calibration = add_calibration(runner, args.checkpoint) if args.calibration else None
        add_tables(runner, args.landmarks, args.measures)
        settings = InferenceSettings(
            InferenceSettings.dtypes.get(args.amp, 'float32'), args.channels_last, args.compile
        )
        protocol = stamp(runner, cfg, args.checkpoint, settings.as_dict())
        speed_up(runner, settings, args.max_shift)
        metrics = {name: value if isinstance(value, int) else float(value) for name, value in runner.test().items()}
    if is_main_process():
        boxes = runner.test_dataloader.dataset.metainfo.get('boxes', 'not said by the data set')
        report(metrics, boxes, cfg.work_dir, protocol)
        if args.show_dir:
            show(cfg, args, calibration)


if __name__ == '__main__':
    run_tool(main)
