"""tools/label_points.py: a folder into shards, by several processes, gone on after a stop."""

import os
import sys
from pathlib import Path

import pytest

COCO = Path(__file__).parents[1] / 'data/coco/val2017'


@pytest.fixture
def images(tmp_path):
    for i, path in enumerate(sorted(COCO.glob('*.jpg'))[:5]):
        (tmp_path / f'in/n{i % 2}').mkdir(parents=True, exist_ok=True)
        (tmp_path / f'in/n{i % 2}' / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'in/n0/text.jpg').write_text('no image')
    return tmp_path / 'in'


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob('*.parquet'))}


def test_shards_are_written_once(call, images, tmp_path, capsys):
    pytest.importorskip('pyarrow')
    from hybridkp.inference.point_shards import read_shard

    options = ('--shard', 2, '--workers', 1, '--scales', 2, 6, '--count', 50)
    call('label_points', images, tmp_path / 'out', *options)
    said, before = capsys.readouterr().out, contents(tmp_path / 'out')
    assert '6 images, 3 shards, 0 of them there already' in said and '1 images have none' in said
    assert 'no labels: ' in said and 'text.jpg: expected an image' in said
    rows = [row for path in sorted((tmp_path / 'out').glob('*.parquet')) for row in read_shard(path)]
    assert [row['image'] for row in rows] == sorted(row['image'] for row in rows) and len(rows) == 6
    assert sum(len(row['x']) for row in rows) > 50
    (tmp_path / 'out/labels-00001.parquet').unlink()  # as if it had been stopped
    call('label_points', images, tmp_path / 'out', *options)
    assert '3 shards, 2 of them there already' in capsys.readouterr().out
    assert contents(tmp_path / 'out') == before
    with pytest.raises(SystemExit, match='settings.json: expected count = 50, .* got 60'):
        call('label_points', images, tmp_path / 'out', *options[:-1], 60)
    (images / 'n0/zzz.jpg').write_bytes(b'')
    with pytest.raises(SystemExit, match='settings.json: expected images = 6, .* got 7'):
        call('label_points', images, tmp_path / 'out', *options)


def test_kinds_of_files_have_the_same_labels(call, odd_images, tmp_path, capsys):
    pytest.importorskip('pyarrow')
    from hybridkp.inference.point_shards import read_shard

    usable, bad = odd_images(tmp_path / 'in')
    (tmp_path / 'in/n09').mkdir()
    call('label_points', tmp_path / 'in', tmp_path / 'out', '--workers', 1, '--scales', 2, 10, '--threshold', 0.02)
    rows = {row['image']: row for row in read_shard(tmp_path / 'out/labels-00000.parquet')}
    assert sorted(rows) == sorted(usable + bad)
    for name in usable:
        assert rows[name]['error'] is None and (rows[name]['width'], rows[name]['height']) == (160, 120)
        assert sorted(rows[name]['x']) == pytest.approx([40, 106], abs=0.5), name
    assert all(name in rows[name]['error'] and not len(rows[name]['x']) for name in bad)
    said = capsys.readouterr().out
    assert '4 images have none' in said and '1 folders without an image: n09' in said


def test_an_empty_folder(call, tmp_path):
    pytest.importorskip('pyarrow')
    (tmp_path / 'in/n01').mkdir(parents=True)
    with pytest.raises(SystemExit, match='error: .*in: expected images .* got none'):
        call('label_points', tmp_path / 'in', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_several_processes_write_the_same(call, command, images, tmp_path):
    pytest.importorskip('pyarrow')
    options = ('--shard', 3, '--scales', 2, 6, '--count', 50)
    call('label_points', images, tmp_path / 'one', *options, '--workers', 1)
    paths = os.pathsep.join(path for path in sys.path if path)
    process = command('label_points.py', images, tmp_path / 'two', *options, '--workers', 2, PYTHONPATH=paths)
    assert process.wait(timeout=600) == 0, process.stdout.read()
    process.stdout.close()
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two') and len(contents(tmp_path / 'one')) == 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('none', 'out'), 'image folder none does not exist'),
        (('.', 'out', '--shard', 0), 'expected a count, shard, workers'),
        (('.', 'out', '--scales', 1, 4), '--scales: expected 2 <='),
    ],
)
def test_what_cannot_be_done(call, tmp_path, monkeypatch, arguments, message):
    pytest.importorskip('pyarrow')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('label_points', *arguments)
    assert not (tmp_path / 'out').exists()
