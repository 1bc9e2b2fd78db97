"""Records and the images that they are about."""

import pytest

from hybridkp.inference.image_records import ImageRecords


@pytest.mark.parametrize(
    'keys, path, expected',
    [
        (['a.jpg', 'b.jpg'], 'folder/a.jpg', 'a.jpg'),
        (['x/a.jpg', 'y/a.jpg'], 'set/y/a.jpg', 'y/a.jpg'),
        (['a.jpg', 'y/a.jpg'], 'set/y/a.jpg', 'y/a.jpg'),
        (['x/a.jpg'], 'y/a.jpg', None),
        (['/set/a.jpg'], '/set/a.jpg', '/set/a.jpg'),
        (['/set/a.jpg'], '/other/set/a.jpg', None),
        ([885, 'b.jpg'], 'val/000000000885.jpg', 885),
        ([885], '886.jpg', None),
        ([885], 'x885.jpg', None),
        (['a.jpg'], 'aa.jpg', None),
        ([], 'a.jpg', None),
    ],
)
def test_which_image_a_file_is(keys, path, expected):
    assert ImageRecords(keys).find(path) == expected


def test_relative_paths_are_known_by_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / 'set').mkdir()
    monkeypatch.chdir(tmp_path / 'set')
    assert ImageRecords(['set/a.jpg']).find('a.jpg') == 'set/a.jpg'
