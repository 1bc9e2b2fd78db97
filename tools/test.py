"""Evaluate a checkpoint on a config's test set."""

import argparse
import json
import math
from pathlib import Path

from mmengine.config import DictAction
from mmengine.dist import is_main_process

from hybridkp import stack
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.checkpoint import check_checkpoint
from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', help='the checkpoint file')
    parser.add_argument('--work-dir', help='where the log and metrics.json go; default work_dirs/NAME_OF_CONFIG')
    parser.add_argument('--out', help='write the predictions with their covariances to this COCO result file (.json)')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def report(metrics: dict[str, float], boxes: str, work_dir: str) -> None:
    """Print the metrics as a table and write them to ``metrics.json``; what is undefined (COCO's -1, NaN) is null."""
    width = max(map(len, [*metrics, 'boxes']))
    print(f'\n{"boxes":<{width}}  {boxes}')
    undefined = {
        name for name, value in metrics.items() if not math.isfinite(value) or (value == -1 and 'coco/' in name)
    }
    for name, value in metrics.items():
        print(f'{name:<{width}}  {"-" if name in undefined else f"{value:.4f}"}')
    defined = {name: None if name in undefined else value for name, value in metrics.items()}
    text = json.dumps({'boxes': boxes, **defined}, indent=1)
    AtomicBackend().put_text(text, Path(work_dir) / 'metrics.json')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out:
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
        cfg.test_evaluator = [*evaluators, dict(type='ResultFile', path=args.out)]
    runner = build_runner(cfg, args.launcher)
    check_checkpoint(args.checkpoint, runner.model)
    with explain_errors(cfg):
        metrics = {name: float(value) for name, value in runner.test().items()}
    if is_main_process():
        report(metrics, runner.test_dataloader.dataset.metainfo['boxes'], cfg.work_dir)


if __name__ == '__main__':
    run_tool(main)
