"""Measure hybridkp beside mmpose on the same work in one run.

Both sides take turns: ours, theirs, ours, theirs. The times tell about this machine only; the result are the ratios,
each taken within a round, as the median of the rounds with the quartiles.
"""

import argparse
import json
import platform

import cv2
import mmengine
import mmpose
import numpy as np
import torch
from benchmarks import codec, covariance, evaluate, model, pipeline, points, pretrain, step, train
from benchmarks.contest import Contest
from mmengine.registry import DefaultScope

import hybridkp
from hybridkp import plugin  # noqa: F401
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError

COMMANDS = {
    'codec': codec,
    'train': train,
    'pipeline': pipeline,
    'evaluate': evaluate,
    'covariance': covariance,
    'step': step,
    'model': model,
    'points': points,
    'pretrain': pretrain,
}
"""A sub-command is a module with ``add_arguments(parser)`` and ``contests(args)``, which yields one after another."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        command.add_argument('--repeats', type=int, default=7, help='rounds; default %(default)s')
        command.add_argument('--threads', type=int, default=torch.get_num_threads(), help='default %(default)s')
        command.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
        command.add_argument('--json', help='write all of it to this file')
        module.add_arguments(command)
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured."""
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise InputError('--device cuda needs a GPU, and torch sees none here')
    for name in ('repeats', 'threads', 'batch_size', 'samples'):
        if (value := getattr(args, name, None)) is not None and value < 1:
            raise InputError(f'--{name.replace("_", "-")} must be at least 1, got {value}')


def environment(args: argparse.Namespace) -> dict:
    """Return what the numbers hold for."""
    device = torch.cuda.get_device_name() if args.device == 'cuda' else f'{platform.machine()} CPU'
    modules = (hybridkp, mmpose, mmengine, torch, np, cv2)
    versions = {module.__name__: module.__version__ for module in modules} | {'python': platform.python_version()}
    return {'device': device, 'threads': args.threads, 'repeats': args.repeats, 'versions': versions}


def table(contest: Contest) -> str:
    """Return a contest in words: times, further numbers, notes, and the ratios last."""
    result = contest.result()
    width = max(map(len, result['runs']))
    headings = ''.join(f'{heading:>18}' for heading in contest.columns)
    lines = [result['title'], f'  {"":<{width}}{result["unit"]:>10}  {"quartiles":<20}{headings}'.rstrip()]
    for name, run in result['runs'].items():
        quartiles = f'{run["low"]:.4g} .. {run["high"]:.4g}'
        columns = ''.join(f'{run[heading]:>18.4g}' for heading in contest.columns)
        lines.append(f'  {name:<{width}}{run["median"]:>10.4g}  {quartiles:<20}{columns}'.rstrip())
    lines += [f'  {fact}: {number:.3g}' for fact, number in contest.facts.items()]
    lines += [f'  note: {note}' for note in contest.notes]
    for r in result['ratios']:
        lines.append(
            f'  {r["ours"]}: {r["median"]:.2f} ({r["low"]:.2f} .. {r["high"]:.2f}) times as fast as {r["theirs"]}'
        )
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    check(args)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    env = environment(args)
    versions = ', '.join(f'{name} {version}' for name, version in env['versions'].items())
    print(f'{versions}\n{env["device"]}, {args.threads} threads, {args.repeats} rounds')
    measured = []
    with DefaultScope.overwrite_default_scope('mmpose'):
        for contest in COMMANDS[args.command].contests(args):
            contest.measure(args.repeats, args.device)
            measured.append(contest)
            print(f'\n{table(contest)}', flush=True)
    if args.json:
        content = {'command': args.command, **env, 'contests': [contest.result() for contest in measured]}
        AtomicBackend().put_text(json.dumps(content, indent=1) + '\n', args.json)


if __name__ == '__main__':
    run_tool(main)
