"""Labels in Parquet shards: there and back, bad images, other settings, damaged files."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridkp.errors import InputError
from hybridkp.inference import point_shards
from hybridkp.inference.point_detectors import detect_image_blobs
from hybridkp.inference.point_shards import FIELDS, begin, read_shard, shard_path, write_shard

COCO = Path(__file__).parents[1] / 'data/coco/val2017'
DETECT = partial(detect_image_blobs, count=40, scales=(2.0, 8.0, 3), threshold=0.01)


def test_there_and_back(tmp_path):
    pytest.importorskip('pyarrow')
    root = tmp_path / 'images'
    root.mkdir()
    cv2.imwrite(str(root / 'a.png'), cv2.imread(str(COCO / '000000000885.jpg')))
    cv2.imwrite(str(root / 'pixel.png'), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(root / 'flat.png'), np.full((50, 60, 3), 90, np.uint8))
    (root / 'text.jpg').write_text('no image')
    path = shard_path(tmp_path / 'out', 3)
    assert path.name == 'labels-00003.parquet'
    wrong = write_shard(path, str(root), ['a.png', 'pixel.png', 'flat.png', 'text.jpg'], DETECT, 32)
    assert len(wrong) == 2 and 'pixel.png: expected an image of at least 32 x 32 px' in wrong[0]
    first, pixel, flat, text = read_shard(path)
    blobs = DETECT(cv2.imread(str(root / 'a.png')))
    assert (first['image'], first['width'], first['height'], first['error']) == ('a.png', 640, 427, None)
    np.testing.assert_allclose(np.stack((first['x'], first['y']), axis=1), blobs.points)
    np.testing.assert_allclose(first['cov_xy'], blobs.covariances[:, 0, 1])
    np.testing.assert_allclose(first['strength'], blobs.strengths)
    for row in (pixel, flat, text):
        assert all(row[name].shape == (0,) for name in FIELDS)
    assert flat['error'] is None and pixel['width'] == 1 and 'text.jpg' in text['error']


def test_damaged_and_foreign_files(tmp_path):
    arrow = pytest.importorskip('pyarrow')
    with pytest.raises(FileNotFoundError, match='shard .*none.parquet does not exist'):
        read_shard(tmp_path / 'none.parquet')
    (tmp_path / 'cut.parquet').write_bytes(b'PAR1 and no more')
    with pytest.raises(InputError, match='cut.parquet is damaged'):
        read_shard(tmp_path / 'cut.parquet')
    point_shards.parquet().write_table(arrow.table(dict(image=['a'], x=[1.0])), tmp_path / 'other.parquet')
    with pytest.raises(InputError, match='other.parquet: expected the columns .* got none named angle, cov_xx'):
        read_shard(tmp_path / 'other.parquet')


def test_what_was_begun_goes_on_with_the_same_settings(tmp_path):
    begin(tmp_path / 'out', dict(count=3, scales=(2.0, 8.0)))
    begin(tmp_path / 'out', dict(count=3, scales=(2.0, 8.0)))
    with pytest.raises(InputError, match='settings.json: expected count = 3, with which .* begun, got 4'):
        begin(tmp_path / 'out', dict(count=4, scales=(2.0, 8.0)))
    (tmp_path / 'out/settings.json').write_text('{')
    with pytest.raises(InputError, match='settings.json: broken JSON'):
        begin(tmp_path / 'out', dict(count=3))


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'pyarrow', None)
    monkeypatch.setitem(__import__('sys').modules, 'pyarrow.parquet', None)
    with pytest.raises(InputError, match='Parquet files need pyarrow, which is not installed'):
        point_shards.parquet()
