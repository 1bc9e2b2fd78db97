"""Drawn people: labels that fit the pictures, and the same ones again."""

import json

import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS

SKELETON = 'configs/_base_/skeletons/coco17.py'


@pytest.fixture
def made(call, tmp_path):
    def make(name, *options):
        call('make_people', tmp_path / name, '--train', 6, '--val', 2, *options)
        return tmp_path / name

    return make


def people(folder, part='train'):
    return json.loads((folder / f'{part}.json').read_text())


def test_labels_fit_their_pictures(made):
    folder = made('drawn', '--size', 200, 160)
    records = people(folder)
    assert len(records['images']) == 6 and len(people(folder, 'val')['images']) == 2
    assert cv2.imread(str(folder / 'images' / records['images'][0]['file_name'])).shape == (160, 200, 3)
    assert len({one['id'] for one in records['annotations']}) == len(records['annotations']) >= 6
    for one in records['annotations']:
        x, y, flags = np.array(one['keypoints']).reshape(-1, 3).T
        left, top, width, height = one['bbox']
        seen = flags == 2
        assert seen.sum() == one['num_keypoints'] >= 6 and not np.array([x, y])[:, ~seen].any()
        assert ((x[seen] >= left) & (x[seen] <= left + width) & (y[seen] >= top) & (y[seen] <= top + height)).all()
        assert left >= 0 and top >= 0 and left + width <= 200.01 and top + height <= 160.01


def test_shirt_lies_between_shoulders_and_hips(made):
    folder = made('drawn')
    records = people(folder)
    last = {one['image_id']: one for one in records['annotations']}  # who hides the others
    alike = []
    for image in records['images']:
        if image['id'] not in last:
            continue
        points = np.array(last[image['id']]['keypoints']).reshape(-1, 3)
        trunk = points[[5, 6, 11, 12]]
        if trunk[:, 2].all():
            pixels = cv2.imread(str(folder / 'images' / image['file_name'])).astype(float)
            # places along the spine, which no arm hides, have one colour
            spine = np.linspace(trunk[:2, :2].mean(axis=0), trunk[2:, :2].mean(axis=0), 7)[2:5]
            colours = np.array(
                [pixels[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].mean(axis=(0, 1)) for x, y in spine]
            )
            alike.append(np.ptp(colours, axis=0).max() < 30)
    assert len(alike) >= 3 and np.mean(alike) >= 0.6


def test_same_seed_same_people(made):
    first, again, other = (made('a'), made('b'), made('c', '--seed', 1))
    assert people(first) == people(again) != people(other)
    name = people(first)['images'][0]['file_name']
    files = [(folder / 'images' / name).read_bytes() for folder in (first, again, other)]
    assert files[0] == files[1] != files[2]
    assert people(first)['annotations'][0]['keypoints'] != people(first, 'val')['annotations'][0]['keypoints']


def test_detectors_read_them(made, mmpose_scope):
    from mmengine.config import Config

    skeleton = Config.fromfile(SKELETON).skeleton
    folder = made('drawn')
    settings = dict(data_root=f'{folder}/', ann_file='train.json', data_prefix=dict(img='images/'), skeleton=skeleton)
    dataset = DATASETS.build(dict(type='CocoImages', **settings, pipeline=[dict(type='ReadImage')]))
    assert len(dataset) == 6 and dataset[0]['img'].shape == (320, 320, 3)


@pytest.mark.parametrize('options', [('--train', 0), ('--val', 0), ('--size', 63, 64)])
def test_too_few(call, tmp_path, options):
    with pytest.raises(
        SystemExit, match='expected at least one image to train and to measure on, of 64 x 64 px or more'
    ):
        call('make_people', tmp_path, *options)
