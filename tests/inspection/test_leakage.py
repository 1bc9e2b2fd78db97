"""What is trained on and measured on."""

import shutil

import numpy as np
import pytest

from hybridkp.inspection.image_list import ImageList
from hybridkp.inspection.leakage import check_leakage


@pytest.fixture
def lists(tmp_path):
    """40 files to train on, 40 each to choose and test by, all of one length and with the same ends."""
    ends, made = b'x' * 5000, []
    for use in ('train', 'val', 'test'):
        (tmp_path / use).mkdir()
        names = [f'{i}.png' for i in range(40)]
        for name in names:
            (tmp_path / use / name).write_bytes(ends + f'{use:>5} {name:>6}'.encode() + ends)
        made.append(ImageList((use,), str(tmp_path / use), names, np.zeros((40, 2))))
    return made


def check(lists, samples=None, chosen=True):
    return [(finding.level, finding.what) for finding in check_leakage(lists, samples, chosen)]


def test_nothing_in_common(lists):
    assert check(lists) == [
        ('ok', f'all images of {use} are none of those trained on, by path and by content') for use in ('val', 'test')
    ]
    assert check(lists, samples=10)[0][1].startswith('10 of 40 images of val')


def test_same_paths_however_they_are_written(lists, tmp_path):
    train, val, test = lists
    both = ImageList(('test',), str(tmp_path / 'val' / '..'), ['train/3.png', 'test/1.png'], np.zeros((2, 2)))
    level, what = check([train, val, both])[1]
    assert level == 'FAIL' and what.startswith('1 of 2 images of test are trained on: ') and 'train/3.png' in what


def test_same_file_for_all():
    everything = ImageList(('train', 'val', 'test'), '', ['a.png', 'b.png'], np.zeros((2, 2)))
    (leak, chosen) = check([everything])
    assert leak == ('FAIL', '2 of 2 images of val and test are trained on: a.png, b.png')
    assert chosen[0] == 'warn' and 'the checkpoint to keep is chosen on them' in chosen[1]
    assert [level for level, _ in check([everything], chosen=False)] == ['FAIL']


@pytest.mark.parametrize('count, level', [(1, 'warn'), (2, 'FAIL')])
def test_copies_under_another_name(count, level, lists, tmp_path):
    for i in range(count):  # one of 40 is under 5 %, two are not
        shutil.copy(tmp_path / f'train/{i + 5}.png', tmp_path / f'test/{i}.png')
    found = check(lists)[1]
    assert found[0] == level
    assert found[1].startswith(f'{count} of 40 images of test are byte for byte images that are trained on: ')
    assert f'{tmp_path}/test/0.png is {tmp_path}/train/5.png' in found[1]


def test_a_validation_on_seen_images(lists, tmp_path):
    shutil.copytree(tmp_path / 'train', tmp_path / 'val', dirs_exist_ok=True)
    (level, what), _ = check(lists)
    assert level == 'warn' and what.startswith('40 of 40 images of val are byte for byte')


def test_missing_files_are_no_copies(lists, tmp_path):
    for path in [*(tmp_path / 'train').iterdir(), *(tmp_path / 'val').iterdir()][::2]:
        path.unlink()
    (tmp_path / 'train/1.png').write_bytes(b'')
    (tmp_path / 'val/2.png').write_bytes(b'')
    assert [level for level, _ in check(lists)] == ['ok', 'ok']
