"""Draw predictions with their covariance ellipses over the labels of a config's test set."""

import argparse
from pathlib import Path

import numpy as np
from mmengine.config import DictAction

from hybridkp import stack
from hybridkp.engine.launch import load_config, run_tool


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('results', help='the result file of tools/test.py --out')
    parser.add_argument('out_dir', help='where the pictures go')
    parser.add_argument('--count', type=int, help='draw this many images only, evenly spread')
    parser.add_argument('--zoom', type=float, default=2.0, help='enlargement of the images (default 2)')
    parser.add_argument('--score', type=float, default=0.2, help='leave out keypoints with a lower score')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, None)
    from hybridkp.inference.gallery import compare, write_picture

    meta, images = compare(cfg.test_dataloader.dataset, args.results)
    count = len(images) if args.count is None else args.count
    for i in dict.fromkeys(np.linspace(0, len(images) - 1, count).round().astype(int).tolist()):
        path = Path(args.out_dir) / f'{images[i].name}.png'
        write_picture(path, images[i].draw(meta, args.score, args.zoom))
        print(path)


if __name__ == '__main__':
    run_tool(main)
