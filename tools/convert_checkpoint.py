"""Convert a published checkpoint to one that tools/test.py and mmpose's init_model take, and say what fits it.

python tools/convert_checkpoint.py hrnet-official pose_hrnet_w32_384x288.pth hrnet_w32.pth
python tools/convert_checkpoint.py paddledetection hrnet_w32_384x288.pdparams hrnet_w32.pth
python tools/convert_checkpoint.py mmpose SRC DST --config CONFIG --reference CONFIG_OF_MMPOSE
python tools/convert_checkpoint.py vitpose vitpose-b.pth vitpose_b.safetensors
python tools/convert_checkpoint.py yolov7-pose yolov7-w6-pose.pt yolov7_w6_pose.pth
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import Tensor, nn

import hybridkp
from hybridkp import stack
from hybridkp.converters.checkpoint_file import read_checkpoint, write_checkpoint
from hybridkp.converters.checkpoint_tables import SOURCES
from hybridkp.converters.checkpoints import convert, differences, listed, to_our_names
from hybridkp.converters.module_file import read_network
from hybridkp.engine.launch import explain_errors, load_config, run_tool
from hybridkp.errors import InputError

CONFIGS = Path(__file__).parents[1] / 'configs'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest='source', required=True)
    for name, source in SOURCES.items():
        command = sources.add_parser(name, help=source.what)
        command.add_argument('src', help=f'{source.what}, of torch, Paddle or safetensors by its suffix')
        command.add_argument('dst', help='the file to write, .pth or .safetensors')
        command.add_argument(
            '--config', help='the config of the model; by default the first of the known ones that fits is found'
        )
        command.add_argument(
            '--reference',
            help='compare with this in a forward pass: an .npz with input (B, 3, H, W), as the network '
            'takes it, and heatmap, or a config of mmpose, whose own model is built',
        )
    return parser.parse_args(argv)


def build(cfg: Config, device: str) -> nn.Module:
    """Build the model of a config without pretrained weights."""
    settings = cfg.model.copy()
    settings.backbone = {key: value for key, value in cfg.model.backbone.items() if key != 'init_cfg'}
    with torch.device(device), DefaultScope.overwrite_default_scope('mmpose'), explain_errors(cfg):
        return MODELS.build(settings).eval()


def fitting(state: Mapping[str, Tensor], args: argparse.Namespace) -> list[tuple[Config, dict[str, Tensor]]]:
    """Give the configs that the parameters fit, with the parameters as each names them.

    Raises:
        InputError: if there is none; names what differs from the first.
    """
    known = [str(CONFIGS / f'{name}.py') for name in SOURCES[args.source].configs]
    found, reasons, seen = [], [], {}
    for path in [args.config] if args.config else known:
        cfg = load_config(path, None, None)
        network = repr((cfg.model.backbone, cfg.model.get('neck'), cfg.model.head.in_channels))
        if network not in seen:
            expected = build(cfg, 'meta').state_dict()
            ours = to_our_names(state, expected)
            seen[network] = ours, differences(ours, expected)
        ours, wrong = seen[network]
        if not wrong:
            found.append((cfg, ours))
        reasons.append(f'{Path(path).name}: {listed(wrong)}')
    if not found:
        advice = '' if args.config else '; name the config of the model with --config'
        raise InputError(f'checkpoint {args.src} does not fit {reasons[0]}{advice}')
    return found


def reference(args: argparse.Namespace, cfg: Config, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Give an input (B, 3, H, W) and the heatmaps that it should lead to."""
    if Path(args.reference).suffix == '.py':
        model = build(load_config(args.reference, None, None), 'cpu')
        wrong = differences(state, model.state_dict())
        if wrong:
            raise InputError(f'checkpoint {args.src} does not fit {args.reference}: {listed(wrong)}')
        model.load_state_dict(state)
        (size,) = {tuple(step.input_size) for step in cfg.test_dataloader.dataset.pipeline if 'input_size' in step}
        inputs = torch.randn(1, 3, *size[::-1], generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return inputs, model(inputs, None, mode='tensor')
    try:
        with np.load(args.reference, allow_pickle=False) as arrays:
            return torch.from_numpy(arrays['input']), torch.from_numpy(arrays['heatmap'])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f'{args.reference}: expected an .npz with input and heatmap: {error}') from error


def compare(args: argparse.Namespace, cfg: Config, ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> list[str]:
    """Load the parameters strictly into a config's model; give what is to be said about that and a forward pass."""
    model = build(cfg, 'cpu')
    calibration = {name: value for name, value in model.state_dict().items() if '.calibration.' in name}
    model.load_state_dict(calibration | ours, strict=True)
    lines = [f'strict load   {Path(cfg.filename).name}: every parameter found its place']
    if args.reference:
        inputs, expected = reference(args, cfg, theirs)
        with torch.no_grad():
            heatmaps = model(inputs)
        if not isinstance(heatmaps, Tensor):
            raise InputError(f'{args.reference}: {Path(cfg.filename).name} has no heatmaps to compare')
        if heatmaps.shape != expected.shape:
            shapes = f'{tuple(heatmaps.shape)}, expected {tuple(expected.shape)}'
            raise InputError(f'{args.reference}: the heatmaps of {Path(cfg.filename).name} are {shapes}')
        difference = (heatmaps - expected).abs().max().item()
        lines.append(f'forward pass  largest difference {difference:.3g}, largest value {expected.abs().max():.3g}')
    return lines


def describe(cfg: Config, args: argparse.Namespace) -> dict:
    """Make the meta information that stands beside the parameters; mmpose takes its keypoints' names from it."""
    from hybridkp.datasets.skeleton import skeleton_metainfo

    meta = dict(source=args.source, file=Path(args.src).name, hybridkp_version=hybridkp.__version__)
    dataset = cfg.test_dataloader.dataset
    if 'skeleton' in dataset:
        meta['dataset_meta'] = skeleton_metainfo(dataset.skeleton.to_dict())
    return meta


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    source = SOURCES[args.source]
    read = read_network if source.whole_network else read_checkpoint
    theirs = convert(read(args.src), source, f'checkpoint {args.src}')
    found = fitting(theirs, args)
    cfg, ours = found[0]
    statistics = ('running_mean', 'running_var', 'num_batches_tracked')
    count = sum(value.numel() for name, value in ours.items() if not name.endswith(statistics))
    lines = [
        f'source        {source.what}: {args.src}',
        f'tensors       {len(ours)} with {count:,} parameters',
        f'fits          {", ".join(Path(config.filename).name for config, _ in found)}',
    ]
    if args.config or args.reference:
        lines += compare(args, cfg, ours, theirs)
    write_checkpoint(ours, describe(cfg, args), args.dst)
    print('\n'.join([*lines, f'written       {args.dst}']))


if __name__ == '__main__':
    run_tool(main)
