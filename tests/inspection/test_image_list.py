"""Lists of image files."""

import numpy as np

from hybridkp.inspection.image_list import ImageList


def images(folder, count=10):
    return ImageList(('val',), str(folder), [f'{i}.png' for i in range(count)], np.arange(2 * count).reshape(-1, 2))


def test_lengths(tmp_path):
    (tmp_path / '0.png').write_bytes(b'abc')
    (tmp_path / '2.png').write_bytes(b'')
    (tmp_path / '3.png').mkdir()
    assert images(tmp_path, 3).lengths().tolist() == [3, -1, 0]
    assert images(tmp_path).paths()[0] == str(tmp_path / '0.png')


def test_samples_are_spread_evenly(tmp_path):
    some = images(tmp_path).spread(4)
    assert some.files == ['0.png', '3.png', '6.png', '9.png'] and some.sizes[:, 0].tolist() == [0, 6, 12, 18]
    assert images(tmp_path).spread(None).files == images(tmp_path).spread(99).files == images(tmp_path).files
    assert images(tmp_path).spread(2, np.array([1, 5, 7])).files == ['1.png', '7.png']
    assert images(tmp_path, 0).spread(5).files == []
