"""Draw predictions with their covariance ellipses over the labels of a config's test set."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config, DictAction

from hybridkp import stack
from hybridkp.engine.launch import load_config, run_tool
from hybridkp.errors import InputError
from hybridkp.inference.keypoint_canvas import KeypointCanvas


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


def read_results(path: str, num_keypoints: int) -> dict[int, list[dict]]:
    """Read a result file, by image.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it holds no predictions with covariances of so many keypoints.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'result file {path} does not exist')
    try:
        entries = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise InputError(f'result file {path}: broken JSON: {error}') from error
    results: dict[int, list[dict]] = {}
    for i, entry in enumerate(entries):
        covariances = np.array(entry.get('keypoint_covariances', []))
        if covariances.shape != (num_keypoints, 3):
            raise InputError(
                f'result file {path}: entry {i}: keypoint_covariances has shape {covariances.shape}, '
                f'expected {(num_keypoints, 3)}'
            )
        results.setdefault(entry['image_id'], []).append(entry)
    return results


def by_image(cfg: Config) -> Iterator[tuple[dict, list[dict]]]:
    """Yield the test set's samples, image by image, with the meta information."""
    from mmpose.registry import DATASETS

    dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, bbox_file=None, pipeline=[]))
    samples: dict[int, list[dict]] = {}
    for i in range(len(dataset)):
        sample = dataset.get_data_info(i)
        samples.setdefault(sample['img_id'], []).append(sample)
    for people in samples.values():
        yield dataset.metainfo, people


def draw_image(meta: dict, people: list[dict], predictions: list[dict], zoom: float, score: float) -> np.ndarray:
    """Draw one image's labels and predictions."""
    from hybridkp.datasets.read_image import read_image

    canvas = KeypointCanvas(read_image(people[0]['img_path']), zoom)
    colors, errors = meta['keypoint_colors'], []
    for person in people:
        canvas.labels(person['keypoints'][0], person['keypoints_visible'][0] > 0, colors)
    for entry in predictions:
        points = np.array(entry['keypoints']).reshape(-1, 3)
        xx, xy, yy = np.array(entry['keypoint_covariances']).T
        shown = points[:, 2] >= score
        canvas.links(points[:, :2], shown, meta['skeleton_links'])
        covariances = np.stack((xx, xy, xy, yy), axis=-1).reshape(-1, 2, 2)
        canvas.predictions(points[:, :2], covariances, shown, colors)
        if len(people) == len(predictions) == 1:
            visible = people[0]['keypoints_visible'][0] > 0
            errors = np.linalg.norm(people[0]['keypoints'][0] - points[:, :2], axis=1)[visible]
    mean = f'   mean error {np.mean(errors):.1f} px' if len(errors) else ''
    canvas.caption(f'cross: label   dot: prediction, with its one-sigma ellipse{mean}')
    return canvas.image


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    stack.mend()
    cfg = load_config(args.config, args.cfg_options, None)
    images = list(by_image(cfg))
    results = read_results(args.results, images[0][0]['num_keypoints'])
    picked = (
        range(len(images)) if args.count is None else np.linspace(0, len(images) - 1, args.count).round().astype(int)
    )
    out_dir = Path(args.out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for i in dict.fromkeys(int(i) for i in picked):
        meta, people = images[i]
        path = out_dir / f'{Path(people[0]["img_path"]).stem}.png'
        picture = draw_image(meta, people, results.get(people[0]['img_id'], []), args.zoom, args.score)
        if not cv2.imwrite(str(path), picture):
            raise InputError(f'picture {path} cannot be written')
        print(path)


if __name__ == '__main__':
    run_tool(main)
