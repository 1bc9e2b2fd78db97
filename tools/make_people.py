"""Make images of drawn people with COCO's keypoints, to try a training before there are data."""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError
from hybridkp.ops.boxes import AREA_OF_BOX

COCO17 = Path(__file__).parents[1] / 'configs/_base_/skeletons/coco17.py'
HEAD = [(0, 0), (0.035, -0.03), (-0.035, -0.03), (0.07, -0.01), (-0.07, -0.01)]
"""Nose, eyes and ears, (x, y) from the nose over the person's height; the left one first."""
LIMBS = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16)]


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', help='the folder that train.json, val.json and images/ go to')
    parser.add_argument('--train', type=int, default=600, help='images to train on (default %(default)s)')
    parser.add_argument('--val', type=int, default=100, help='images to measure on (default %(default)s)')
    parser.add_argument('--size', nargs=2, type=int, default=(320, 320), metavar=('W', 'H'), help='of an image in px')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def limb(rng: np.random.Generator, start: np.ndarray, lengths: tuple[float, float], spread: float) -> np.ndarray:
    """Return the two joints (2, 2) below a shoulder or a hip, in heights of the person; y points down."""
    angles = np.cumsum(rng.normal(0, [spread, spread / 2]))
    steps = np.stack((np.sin(angles), np.cos(angles)), axis=1) * np.array(lengths)[:, None]
    return start + np.cumsum(steps, axis=0)


def pose(rng: np.random.Generator) -> np.ndarray:
    """Return the 17 keypoints (17, 2) of somebody who looks at us, in heights of the person, around the origin."""
    points = np.zeros((17, 2))
    points[:5] = np.array(HEAD) + [0, -0.42]
    points[5:7] = [[0.12, -0.3], [-0.12, -0.3]]
    points[11:13] = [[0.08, 0.02], [-0.08, 0.02]]
    for side in (0, 1):
        points[[7 + side, 9 + side]] = limb(rng, points[5 + side], (0.17, 0.15), 1.0)
        points[[13 + side, 15 + side]] = limb(rng, points[11 + side], (0.22, 0.22), 0.4)
    lean = rng.normal(0, 0.2)
    turn = np.array([[math.cos(lean), -math.sin(lean)], [math.sin(lean), math.cos(lean)]])
    return points @ turn.T


def colour(rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a colour."""
    return tuple(int(value) for value in rng.integers(0, 256, 3))


def background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw a picture (h, w, 3) of boxes, lines and noise, which nobody is in."""
    image = np.full((size[1], size[0], 3), rng.integers(40, 216, 3), np.uint8)
    for _ in range(12):
        (x1, y1), (x2, y2) = (rng.integers(0, size).tolist() for _ in range(2))
        if rng.random() < 0.5:
            cv2.rectangle(image, (x1, y1), ((x1 + x2) // 2, (y1 + y2) // 2), colour(rng), -1)
        else:
            cv2.line(image, (x1, y1), (x2, y2), colour(rng), int(rng.integers(1, 8)), cv2.LINE_AA)
    return image


def draw(image: np.ndarray, points: np.ndarray, height: float, rng: np.random.Generator) -> None:
    """Draw a person of keypoints (17, 2) px into an image: head, trunk, arms and legs."""
    skin, shirt, trousers = (colour(rng) for _ in range(3))
    where = [tuple(int(value) for value in point) for point in np.rint(points)]
    cv2.fillConvexPoly(image, np.array([where[i] for i in (5, 6, 12, 11)]), shirt, cv2.LINE_AA)
    for number, (start, end) in enumerate(LIMBS):
        cv2.line(
            image, where[start], where[end], shirt if number < 4 else trousers, max(2, int(height / 18)), cv2.LINE_AA
        )
    cv2.circle(image, where[0], max(2, int(0.085 * height)), skin, -1, cv2.LINE_AA)
    for eye in where[1:3]:
        cv2.circle(image, eye, max(1, int(height / 70)), (0, 0, 0), -1, cv2.LINE_AA)


def annotation(points: np.ndarray, height: float, size: tuple[int, int]) -> dict | None:
    """Return a person's record but for its ids, None for who is hardly in the image."""
    inside = ((points >= 0) & (points < size)).all(axis=1)
    margin = 0.05 * height
    low = np.clip(points.min(axis=0) - margin, 0, size)
    high = np.clip(points.max(axis=0) + margin, 0, size)
    width, tall = high - low
    if inside.sum() < 6 or min(width, tall) < 8:
        return None
    keypoints = np.where(inside[:, None], np.column_stack((points, np.full(17, 2.0))), 0)
    box = [round(float(value), 2) for value in (*low, width, tall)]
    flat = [round(float(value), 2) for value in keypoints.ravel()]
    area = round(float(AREA_OF_BOX * width * tall), 2)
    return dict(category_id=1, iscrowd=0, bbox=box, area=area, keypoints=flat, num_keypoints=int(inside.sum()))


def scenes(rng: np.random.Generator, count: int, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, list[dict]]]:
    """Give images and the records of the one to four people in each, of whom the last hide the first."""
    for _ in range(count):
        image, people = background(rng, size), []
        for _ in range(int(rng.integers(1, 5))):
            height = min(size) * rng.uniform(0.25, 0.8)
            points = pose(rng) * height + rng.uniform(0.15, 0.85, 2) * size
            if (record := annotation(points, height, size)) is not None:
                draw(image, points, height, rng)
                people.append(record)
        noise = rng.normal(0, 8, image.shape)
        yield np.clip(image + noise, 0, 255).astype(np.uint8), people


def write(part: str, args: argparse.Namespace, category: dict, seed: int) -> int:
    """Write the images and labels of one part; gives the number of people."""
    backend, out, size = AtomicBackend(), Path(args.out), tuple(args.size)
    images, annotations = [], []
    for number, (image, people) in enumerate(scenes(np.random.default_rng(seed), getattr(args, part), size), 1):
        name = f'{part}-{number:05d}.jpg'
        backend.put(cv2.imencode('.jpg', image)[1].tobytes(), out / 'images' / name)
        images.append(dict(id=number, file_name=name, width=size[0], height=size[1]))
        annotations += [dict(record, id=len(annotations) + i, image_id=number) for i, record in enumerate(people, 1)]
    records = dict(images=images, annotations=annotations, categories=[category])
    backend.put_text(json.dumps(records), out / f'{part}.json')
    return len(annotations)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if min(args.train, args.val) < 1 or min(args.size) < 64:
        raise InputError('expected at least one image to train and to measure on, of 64 x 64 px or more')
    category = dict(id=1, name='person', keypoints=list(Config.fromfile(COCO17).skeleton.keypoints))
    for offset, part in enumerate(('train', 'val')):
        people = write(part, args, category, 2 * args.seed + offset)
        print(f'{args.out}/{part}.json: {getattr(args, part)} images, {people} people')


if __name__ == '__main__':
    run_tool(main)
