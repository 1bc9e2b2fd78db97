"""Downloads from a server of this process, which may break off."""

import functools
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hybridkp.engine import download as module
from hybridkp.engine.download import download
from hybridkp.errors import InputError

CONTENT = bytes(range(256)) * 400
TAG = '"version 1"'


class Server(BaseHTTPRequestHandler):
    """Serves ``CONTENT``; what it does wrong is said by the plan, one entry a request."""

    def do_GET(self):
        plan = self.server.plan.pop(0) if self.server.plan else {}
        self.server.asked.append((self.headers.get('Range'), self.headers.get('If-Range')))
        if 'status' in plan:
            self.send_error(plan['status'])
            return
        content, tag = plan.get('content', CONTENT), plan.get('tag', TAG)
        match = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range') or '')
        start = int(match[1]) if match and not plan.get('no_ranges') else 0
        if self.headers.get('If-Range') not in (None, tag):
            start = 0
        if start >= len(content):
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(content)}')
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            begin = plan.get('begin', start)
            self.send_header('Content-Range', f'bytes {begin}-{len(content) - 1}/{len(content)}')
        if not plan.get('no_length'):
            self.send_header('Content-Length', str(len(content) - start))
        if tag:
            self.send_header('ETag', tag)
        self.end_headers()
        self.wfile.write(content[start : start + plan.get('bytes', len(content))])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(('127.0.0.1', 0), Server)
    server.plan, server.asked = [], []
    server.url = f'http://127.0.0.1:{server.server_address[1]}/a.zip'
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'new' / 'a.zip'


def part(path):
    return path.with_name('a.zip.part')


def get(server, path, **settings):
    download(server.url, path, pause=0.001, **settings)


def test_a_file_comes_whole(server, path):
    seen = []
    get(server, path, report=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT and sorted(p.name for p in path.parent.iterdir()) == ['a.zip']
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and server.asked == [(None, None)]


def test_an_interruption_is_taken_up_by_itself(server, path):
    server.plan = [dict(bytes=1000), dict(bytes=500), dict(bytes=0), dict(status=503)]
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in server.asked] == [None, 'bytes=1000-', 'bytes=1500-', 'bytes=1500-', 'bytes=1500-']


def test_a_later_run_goes_on(server, path):
    server.plan = [dict(bytes=1000), dict(bytes=0)]
    with pytest.raises(InputError, match=f'ended early; 1000 bytes are kept in {part(path)}: run this again'):
        get(server, path, attempts=1)
    assert part(path).read_bytes() == CONTENT[:1000] and not path.exists()
    get(server, path)
    assert path.read_bytes() == CONTENT and server.asked[-1] == ('bytes=1000-', TAG)
    assert not part(path).exists()


def test_a_file_that_changed_begins_anew(server, path):
    server.plan = [dict(bytes=1000, content=b'old' * 5000, tag='"version 0"'), dict(status=503)]
    with pytest.raises(InputError):
        get(server, path, attempts=1)
    get(server, path)
    assert path.read_bytes() == CONTENT and server.asked[-1] == ('bytes=1000-', '"version 0"')


@pytest.mark.parametrize('tag', [None, 'W/"weak"'])
def test_a_server_without_a_tag(tag, server, path):
    server.plan = [dict(bytes=1000, tag=tag), dict(tag=tag)]
    get(server, path)
    assert path.read_bytes() == CONTENT and server.asked[-1] == ('bytes=1000-', None)


def test_a_server_without_ranges(server, path):
    server.plan = [dict(bytes=1000), dict(no_ranges=True)]
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole(server, path):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT)
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long(server, path):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT + b'more')
    get(server, path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    'plan, says',
    [
        (dict(status=404), 'the server answers 404 Not Found'),
        (dict(no_length=True), 'does not say how long the file is'),
        (dict(begin=7), 'asked for bytes from 1000, got bytes 7-'),
    ],
)
def test_refusals(plan, says, server, path):
    path.parent.mkdir()
    if 'begin' in plan:
        part(path).write_bytes(CONTENT[:1000])
    server.plan = [plan]
    with pytest.raises(InputError, match=says) as error:
        get(server, path)
    assert server.url in str(error.value) and not path.exists() and len(server.asked) == 1


def test_a_server_that_stays_away(server, path):
    server.plan = [dict(status=503)] * 9
    with pytest.raises(InputError, match='503'):
        get(server, path, attempts=3)
    assert len(server.asked) == 3


def test_nobody_listens(path, monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with pytest.raises(InputError, match='http://127.0.0.1:9/a.zip: .*refused'):
        download('http://127.0.0.1:9/a.zip', path, attempts=2, pause=0)


def test_a_full_disk(server, path, monkeypatch):
    usage = type('Usage', (), dict(free=1000))
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda folder: usage)
    with pytest.raises(InputError, match='GB are missing, and 0.0 GB are free'):
        get(server, path)
