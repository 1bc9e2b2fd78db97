"""Train a model of a config."""

import argparse

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from hybridkp import stack
from hybridkp.engine.checkpoint import check_checkpoint, check_part, latest_checkpoint
from hybridkp.engine.launch import build_runner, explain_errors, load_config, run_tool
from hybridkp.errors import InputError


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('--work-dir', help='where logs and checkpoints go; default work_dirs/NAME_OF_CONFIG')
    parser.add_argument(
        '--resume', nargs='?', const='auto', help="go on from a checkpoint; without a path, from the work dir's newest"
    )
    parser.add_argument(
        '--backbone',
        metavar='CHECKPOINT',
        help='begin with the backbone of another training, of whatever model; all of its parameters have to fit',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision in bfloat16, where the device has it')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the batch size')
    parser.add_argument('--progress', action='store_true', help='a progress bar on standard error instead of the log')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def apply_options(cfg: Config, args: argparse.Namespace) -> None:
    """Write the command line's wishes into the config."""
    if args.amp and cfg.optim_wrapper.get('type') != 'NominalBatch':  # which is one already
        cfg.optim_wrapper.type = 'MixedPrecision'
    if cfg.optim_wrapper.get('type') == 'AmpOptimWrapper' and not torch.cuda.is_available():
        raise InputError(
            f'{args.config}: AmpOptimWrapper needs a GPU, and torch sees none here; MixedPrecision runs everywhere'
        )
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise InputError(f'{args.config}: --auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...)')
        cfg.auto_scale_lr.enable = True
    if args.progress:
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='ProgressBarHook')]
    if args.resume:
        cfg.load_from = latest_checkpoint(cfg.work_dir) if args.resume == 'auto' else args.resume
        cfg.resume = cfg.load_from is not None
    if args.backbone and not cfg.get('resume'):
        if not isinstance(cfg.model.get('backbone'), dict):
            raise InputError(f'{args.config}: --backbone needs a model with a backbone, got a {cfg.model.type}')
        cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=args.backbone, prefix='backbone.')


def check_checkpoints(cfg: Config, runner: Runner) -> None:
    """Refuse checkpoints to begin with that do not fit, of which mmengine would load what does and say no more."""
    model = getattr(runner.model, 'module', runner.model)
    if cfg.get('load_from'):
        check_checkpoint(cfg.load_from, model, partial=not cfg.get('resume'))
    start = (cfg.model.get('backbone') or {}).get('init_cfg')
    if isinstance(start, dict) and start.get('type') == 'Pretrained':
        unused = check_part(start.checkpoint, model.backbone, start.get('prefix') or '')
        if unused and start.get('prefix'):
            runner.logger.warning(f'{start.checkpoint}: {len(unused)} parameters have no use here, as {unused[0]}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    apply_options(cfg, args)
    runner = build_runner(cfg, args.launcher)
    check_checkpoints(cfg, runner)
    with explain_errors(cfg):
        runner.train()


if __name__ == '__main__':
    run_tool(main)
