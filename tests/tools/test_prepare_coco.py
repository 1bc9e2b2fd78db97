"""COCO from a server of this process: checked, got, interrupted, damaged."""

import functools
import json
import re
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUNDLED = Path(__file__).parents[1] / 'data/coco'
IMAGES = ['000000000885.jpg', '000000021167.jpg', '000000033368.jpg']


class Server(BaseHTTPRequestHandler):
    """Serves files with ranges; breaks off after so many bytes while there is a limit."""

    def do_GET(self):
        path = self.server.folder / self.path.lstrip('/')
        self.server.asked.append((self.path, self.headers.get('Range')))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        match = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range') or '')
        start = int(match[1]) if match else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(data) - 1}/{len(data)}')
        self.send_header('Content-Length', str(len(data) - start))
        self.end_headers()
        limit = self.server.limits.pop(0) if self.server.limits else len(data)
        self.wfile.write(data[start : start + limit])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A source with three small archives: three images as train2017 and as val2017, and their annotations."""
    folder = tmp_path / 'source'
    content = json.loads((BUNDLED / 'annotations/person_keypoints_val2017.json').read_text())
    content['images'] = [image for image in content['images'] if image['file_name'] in IMAGES]
    ids = {image['id'] for image in content['images']}
    content['annotations'] = [annotation for annotation in content['annotations'] if annotation['image_id'] in ids]
    (folder / 'annotations').mkdir(parents=True)
    (folder / 'zips').mkdir()
    with zipfile.ZipFile(folder / 'annotations/annotations_trainval2017.zip', 'w') as archive:
        for part in ('person_keypoints_train2017', 'person_keypoints_val2017', 'captions_val2017'):
            archive.writestr(f'annotations/{part}.json', json.dumps(content))
    for part in ('train2017', 'val2017'):
        with zipfile.ZipFile(folder / f'zips/{part}.zip', 'w') as archive:
            for name in IMAGES:
                archive.write(BUNDLED / 'val2017' / name, f'{part}/{name}')
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(('127.0.0.1', 0), Server)
    server.folder, server.asked, server.limits = folder, [], []
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def prepare(call, server, capsys, tmp_path):
    """Run the tool; gives the exit status and what was said."""

    def run(*arguments):
        capsys.readouterr()
        source = f'http://127.0.0.1:{server.server_address[1]}'
        try:
            call('prepare_coco', tmp_path / 'coco', '--source', source, *arguments)
        except SystemExit as stop:
            return stop.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def test_without_being_asked_nothing_is_got(prepare, server, tmp_path):
    status, said = prepare()
    assert status == 1 and server.asked == [] and not (tmp_path / 'coco').exists()
    assert said.count('FAIL  ') == 4 and '(--download)' in said
    assert said.splitlines()[-1].endswith(
        'annotations, train2017, val2017 missing or broken: run again with --download, or put them there'
    )


def test_everything_is_got_and_then_kept(prepare, server, tmp_path):
    status, said = prepare('--download')
    assert status == 0 and said.splitlines()[-1] == f'{tmp_path}/coco: ready', said
    names = {str(path.relative_to(tmp_path / 'coco')) for path in (tmp_path / 'coco').rglob('*') if path.is_file()}
    assert names == {
        'annotations/person_keypoints_train2017.json', 'annotations/person_keypoints_val2017.json',
        'annotations_trainval2017.zip', 'train2017.zip', 'val2017.zip',
        *(f'{part}/{name}' for part in ('train2017', 'val2017') for name in IMAGES),
    }  # fmt: skip
    assert len(server.asked) == 3
    status, said = prepare('--download')
    assert status == 0 and len(server.asked) == 3 and '3 images were decoded' in said.replace('all', '3')


def test_only_what_is_missing_is_got(prepare, server, tmp_path):
    prepare('--download', '--delete-archives')
    assert not list((tmp_path / 'coco').glob('*.zip'))
    (tmp_path / 'coco/val2017' / IMAGES[1]).write_bytes(b'')
    (tmp_path / 'coco/val2017' / IMAGES[2]).unlink()
    status, said = prepare()
    assert status == 1 and said.count('FAIL  ') == 2 and f'val2017/{IMAGES[1]}' in said
    status, said = prepare('--download')
    assert status == 0 and '2 files unpacked, 1 were there' in said
    assert [path for path, _ in server.asked].count('/zips/val2017.zip') == 2 and len(server.asked) == 4
    assert (tmp_path / 'coco/val2017' / IMAGES[1]).read_bytes() == (BUNDLED / 'val2017' / IMAGES[1]).read_bytes()


def test_an_interruption_is_resumed(prepare, server, tmp_path):
    length = (server.folder / 'zips/train2017.zip').stat().st_size
    whole = (server.folder / 'annotations/annotations_trainval2017.zip').stat().st_size
    server.limits = [whole, length // 2]
    status, _ = prepare('--download', '--parts', 'annotations', 'train2017')
    assert status == 0
    assert server.asked[1:] == [('/zips/train2017.zip', None), ('/zips/train2017.zip', f'bytes={length // 2}-')]


def test_a_run_that_was_killed_is_resumed(prepare, server, tmp_path):
    prepare('--download', '--parts', 'annotations')
    data = (server.folder / 'zips/val2017.zip').read_bytes()
    (tmp_path / 'coco/val2017.zip.part').write_bytes(data[:1000])
    status, _ = prepare('--download', '--parts', 'val2017')
    assert status == 0 and server.asked[-1] == ('/zips/val2017.zip', 'bytes=1000-')
    assert (tmp_path / 'coco/val2017.zip').read_bytes() == data


def test_a_damaged_archive_is_named(prepare, server, tmp_path):
    path = server.folder / 'zips/val2017.zip'
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    status, _ = prepare('--download')
    assert str(status).startswith(f'error: {tmp_path}/coco/val2017.zip: the archive is damaged: Bad CRC-32')
    path.write_bytes(b'no archive')
    (tmp_path / 'coco/val2017.zip').unlink()
    status, _ = prepare('--download')
    assert 'val2017.zip: the archive is damaged: File is not a zip file' in status


def test_an_archive_that_the_source_lacks(prepare, server):
    (server.folder / 'zips/val2017.zip').unlink()
    status, _ = prepare('--download')
    assert 'zips/val2017.zip: the server answers 404 Not Found' in status


def test_an_archive_of_something_else(prepare, server, tmp_path):
    shutil.copy(server.folder / 'zips/train2017.zip', server.folder / 'zips/val2017.zip')
    status, said = prepare('--download')
    assert status == 1 and said.splitlines()[-1].endswith('val2017 missing or broken: the archive does not have them')
