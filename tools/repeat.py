"""Train and test a config several times and report each metric's mean and spread."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from hybridkp.engine.checkpoint import latest_checkpoint
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError

TOOLS = Path(__file__).parent


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('--runs', type=int, default=3, help='how many; run r has seed r (default 3)')
    parser.add_argument('--work-dir', help='default work_dirs/NAME_OF_CONFIG; each run has a folder there')
    parser.add_argument('--last', action='store_true', help='test the last checkpoint instead of the best')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        help='settings, key=value ...; {run} in a value is the number of the run',
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace, number: int, work_dir: Path) -> dict:
    """Train and test once, or take the result that is there from before; returns the metrics."""
    folder = work_dir / f'run{number}'
    if not (folder / 'metrics.json').is_file():
        folder.mkdir(parents=True, exist_ok=True)
        settings = [option.replace('{run}', str(number)) for option in args.cfg_options]
        options = ['--work-dir', str(folder), '--cfg-options', f'randomness.seed={number}', *settings]
        call('train.py', [args.config, *options, '--resume', 'auto'], folder)
        best = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
        checkpoint = latest_checkpoint(folder) if args.last or not best else str(best[-1])
        call('test.py', [args.config, checkpoint, *options], folder)
    return json.loads((folder / 'metrics.json').read_text())


def call(tool: str, arguments: list[str], folder: Path) -> None:
    """Run another tool with its output in a file."""
    log = folder / f'{Path(tool).stem}.log'
    with open(log, 'w') as file:
        done = subprocess.run([sys.executable, str(TOOLS / tool), *arguments], stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        raise InputError(f'{tool} failed, see {log}: {log.read_text().strip().splitlines()[-1]}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    work_dir = Path(args.work_dir or Path('work_dirs') / Path(args.config).stem)
    results = []
    for number in range(args.runs):
        results.append(run(args, number, work_dir))
        print(f'run {number}: ' + '  '.join(f'{k} {v:.4f}' for k, v in results[-1].items() if isinstance(v, float)))
    names = [name for name, value in results[0].items() if isinstance(value, float)]
    for name in names:
        values = [result[name] for result in results]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f'{name:<14} {statistics.mean(values):.4f} +- {spread:.4f} (standard deviation of {len(values)} runs)')


if __name__ == '__main__':
    run_tool(main)
