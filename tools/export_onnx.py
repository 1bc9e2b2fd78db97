"""Write a checkpoint as an ONNX file, from images to points with covariances, and compare it with torch."""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction

from hybridkp import (
    plugin,  # noqa: F401
    stack,
)
from hybridkp.deploy.onnx_export import OnnxExport
from hybridkp.deploy.onnx_graph import require_onnx
from hybridkp.engine.launch import load_config, run_tool
from hybridkp.errors import InputError


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', nargs='+', help='the checkpoint file; the heatmaps of several are averaged')
    parser.add_argument('out', help='the file to write (.onnx)')
    parser.add_argument('--flip-test', action='store_true', help='predict the mirrored image as well, as many tests do')
    parser.add_argument(
        '--nms', action='store_true', help='end the graph of a single-stage network with non-maximum suppression'
    )
    parser.add_argument('--opset', type=int, default=18, help="version of ONNX's operators (default %(default)s)")
    parser.add_argument(
        '--input-size',
        nargs=2,
        type=int,
        metavar=('WIDTH', 'HEIGHT'),
        help="another size of the input in px than the config's, where the network allows it",
    )
    parser.add_argument(
        '--images', help="a folder of 8 images or more to compare on, in place of the config's test set"
    )
    parser.add_argument(
        '--max-shift',
        type=float,
        default=0.01,
        metavar='PX',
        help='write nothing if points differ by more px of the input from those of torch (default %(default)s)',
    )
    parser.add_argument(
        '--exporter',
        choices=['program', 'trace'],
        help="torch's exporter of whole programs, the default from torch 2.6 on, or the older and faster one",
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    args = parser.parse_args(argv)
    if Path(args.out).suffix != '.onnx':
        raise InputError(f'{args.out}: expected a name that ends in .onnx')
    return args


def set_input_size(cfg: Config, size: list[int] | None) -> None:
    """Have a config's test make inputs of another size."""
    if size is None:
        return
    if min(size) < 1:
        raise InputError(f'--input-size: expected positive numbers, got {size[0]} and {size[1]}')
    for step in cfg.test_dataloader.dataset.pipeline:
        if 'input_size' in step:
            step['input_size'] = tuple(size)


def flip_test(cfg: Config, inside: bool) -> str:
    """Say whether the mirrored image is predicted as well, and whether the config's tests do otherwise."""
    tests = bool((cfg.model.get('test_cfg') or {}).get('flip_test', False))
    return ('yes' if inside else 'no') + (
        '' if tests == inside else f", but {'' if tests else 'not '}in the config's tests"
    )


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    require_onnx()
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, None)
    set_input_size(cfg, args.input_size)
    programs = None if args.exporter is None else args.exporter == 'program'
    export = OnnxExport(args.opset, args.flip_test, args.nms, args.images, args.max_shift, programs)
    parity, about = export.write(cfg, args.checkpoint, args.out)
    given = about['input']
    shape = f'(B, {1 if given["channels"] == "grey" else 3}, {given["height"]}, {given["width"]})'
    print(f'{"written":<16} {args.out}, {about["bytes"] / 2**20:.1f} MiB, opset {about["opset"]}')
    print(f'{"input":<16} {shape}, uint8, {given["channels"]}')
    for name, what in about['outputs'].items():
        print(f'{name:<16} {what}')
    print(f'{"calibrated":<16} {"yes" if about["calibrated"] else "no"}')
    print(f'{"flip test":<16} {flip_test(cfg, args.flip_test)}')
    print(f'{"against torch":<16} {parity}, of {about["compared_on"]}, alone and three at a time')


if __name__ == '__main__':
    run_tool(main)
