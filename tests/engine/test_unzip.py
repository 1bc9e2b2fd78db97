"""Archives, good and bad."""

import os
import stat
import zipfile

import pytest

from hybridkp.engine import unzip as module
from hybridkp.engine.unzip import unzip
from hybridkp.errors import InputError

FILES = {'images/a.jpg': b'a' * 5000, 'images/b.jpg': bytes(range(256)) * 30, 'other/c.txt': b'c'}


def archive(folder, files=FILES, compression=zipfile.ZIP_STORED):
    path = folder / 'files.zip'
    with zipfile.ZipFile(path, 'w', compression) as opened:
        opened.mkdir('images') if hasattr(opened, 'mkdir') else None
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def images(name):
    return name.startswith('images/')


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.mark.parametrize('compression', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wanted_files_are_unpacked(compression, tmp_path):
    seen = []
    path = archive(tmp_path, compression=compression)
    assert unzip(path, tmp_path / 'out', images, lambda done, total: seen.append((done, total))) == (2, 0)
    assert contents(tmp_path / 'out') == {name: FILES[name] for name in FILES if images(name)}
    assert seen == [(1, 2), (2, 2)]


def test_what_is_there_is_kept_and_what_is_wrong_replaced(tmp_path):
    path, out = archive(tmp_path), tmp_path / 'out'
    unzip(path, out, images)
    before = (out / 'images/a.jpg').stat().st_mtime_ns
    (out / 'images/b.jpg').write_bytes(bytes(256 * 30))  # as long, but of other bytes
    assert unzip(path, out, images) == (1, 1)
    assert (out / 'images/a.jpg').stat().st_mtime_ns == before and contents(out)['images/b.jpg'] == FILES[
        'images/b.jpg'
    ]
    assert unzip(path, out, images) == (0, 2)


@pytest.mark.parametrize('compression', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_within_a_file(compression, tmp_path):
    path = archive(tmp_path, compression=compression)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        second = opened.getinfo('images/b.jpg')
    place = second.header_offset + 30 + len('images/b.jpg') + second.compress_size // 2
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(
        InputError, match='files.zip: the archive is damaged: .*; 1 files of it were unpacked: delete it'
    ):
        unzip(path, tmp_path / 'out', images)
    assert contents(tmp_path / 'out') == {'images/a.jpg': FILES['images/a.jpg']}


@pytest.mark.parametrize('data', [b'', b'hello', b'PK\x03\x04' + bytes(50)])
def test_no_archive(data, tmp_path):
    (tmp_path / 'files.zip').write_bytes(data)
    with pytest.raises(InputError, match='files.zip: the archive is damaged'):
        unzip(tmp_path / 'files.zip', tmp_path / 'out', images)


def test_cut_short(tmp_path):
    path = archive(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match='damaged'):
        unzip(path, tmp_path / 'out', images)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', ['../evil.txt', 'images/../../evil.txt', '/tmp/evil.txt', 'C:/evil.txt', 'a\\..\\b'])
def test_names_that_lead_out(name, tmp_path):
    path = archive(tmp_path, {'images/a.jpg': b'a', name: b'evil'})
    with pytest.raises(InputError, match='the archive is refused: its file .* would lie outside the folder'):
        unzip(path, tmp_path / 'out', lambda _: True)
    assert sorted(os.listdir(tmp_path)) == ['files.zip']


def test_links(tmp_path):
    link = zipfile.ZipInfo('images/link')
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / 'files.zip', 'w') as opened:
        opened.writestr(link, '/etc')
    with pytest.raises(InputError, match="'images/link' would lie outside the folder, or is a link"):
        unzip(tmp_path / 'files.zip', tmp_path / 'out', images)


def test_encrypted(tmp_path):
    path = archive(tmp_path, {'images/a.jpg': b'a'})
    data = bytearray(path.read_bytes())
    data[data.rindex(b'PK\x01\x02') + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match='is encrypted'):
        unzip(path, tmp_path / 'out', lambda _: True)


def test_a_full_disk(tmp_path, monkeypatch):
    usage = type('Usage', (), dict(free=1000))
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda folder: usage)
    with pytest.raises(InputError, match='its files take 0.0 GB, and 0.0 GB are free'):
        unzip(archive(tmp_path), tmp_path / 'out', images)
