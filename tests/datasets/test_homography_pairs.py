"""Pairs made of any images: the same each time, both views of one image."""

from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

COCO = Path(__file__).parents[1] / 'data/coco/val2017'


def build(root=COCO, **more):
    crop = dict(type='ResizedCrop', input_size=(96, 64), random=False)
    pack = dict(type='PackPoseInputs', meta_keys=('img_path', 'id', 'pair', 'view', 'homography', 'view_sizes'))
    settings = dict(data_root=str(root), pipeline=[crop, dict(type='ChangeView'), pack]) | more
    return DATASETS.build(dict(type='HomographyPairs', **settings))


def test_views_of_a_pair(mmpose_scope):
    pairs = build(limit=3)
    assert len(pairs) == 6 and pairs.test_mode
    samples = [pairs[i] for i in range(6)]
    metas = [sample['data_samples'].metainfo for sample in samples]
    assert [(meta['pair'], meta['view'], meta['id']) for meta in metas] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 2),
        (1, 1, 3),
        (2, 0, 4),
        (2, 1, 5),
    ]
    for first, second in zip(metas[::2], metas[1::2], strict=True):
        assert first['img_path'] == second['img_path'] and first['view_sizes'] == ((64, 96), (64, 96))
        assert np.array_equal(first['homography'], second['homography'])
    assert len({meta['img_path'] for meta in metas}) == 3
    assert not np.allclose(metas[0]['homography'], metas[2]['homography'])
    assert samples[0]['inputs'].shape == (3, 64, 96)


def test_the_same_each_time_and_others_for_another_seed(mmpose_scope):
    first, again, other = build(limit=2), build(limit=2), build(limit=2, seed=1)
    for i in range(4):
        assert np.array_equal(first[i]['inputs'], again[i]['inputs'])
    assert any(not np.array_equal(first[i]['inputs'], other[i]['inputs']) for i in range(4))


def test_a_bad_image_is_replaced_in_both_views(mmpose_scope, tmp_path):
    for i, path in enumerate(sorted(COCO.glob('*.jpg'))[:3]):
        (tmp_path / f'{i}.jpg').write_bytes(path.read_bytes())
    (tmp_path / '1.jpg').write_text('no image')
    pairs = build(tmp_path)
    paths = [pairs[i]['data_samples'].img_path for i in range(6)]
    assert paths[::2] == paths[1::2] and not any(path.endswith('1.jpg') for path in paths)
    assert [Path(path).name for path in pairs.skipped()] == ['1.jpg']
    with pytest.raises(FileNotFoundError):
        build(tmp_path / 'none')


def test_kinds_of_files(mmpose_scope, odd_images, tmp_path):
    usable, bad = odd_images(tmp_path)
    pairs = build(tmp_path)
    assert len(pairs) == 2 * len(usable + bad)
    samples = [pairs[i] for i in range(len(pairs))]
    assert {Path(sample['data_samples'].img_path).name for sample in samples} == set(usable)
    assert {tuple(sample['inputs'].shape) for sample in samples} == {(3, 64, 96)}
    assert sorted(Path(path).name for path in pairs.skipped()) == bad
