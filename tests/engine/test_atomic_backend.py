"""Whoever is killed in the middle of writing leaves the old file whole."""

import os
import signal
import subprocess
import sys
import time

import pytest
from mmengine.fileio import get_file_backend

from hybridkp.engine.atomic_backend import AtomicBackend

WRITER = """
import sys
from hybridkp.engine.atomic_backend import AtomicBackend
content = bytes(200_000_000)
print('ready', flush=True)
while True:
    AtomicBackend().put(content, sys.argv[1])
"""


def test_it_is_found_by_name():
    assert isinstance(get_file_backend(backend_args=dict(backend='atomic')), AtomicBackend)


def test_bytes_and_text_are_written_and_replaced(tmp_path):
    path = tmp_path / 'new' / 'folder' / 'a.bin'
    AtomicBackend().put(b'first', path)
    AtomicBackend().put(b'second', str(path))
    assert path.read_bytes() == b'second'
    AtomicBackend().put_text('Größe', path)
    assert path.read_text(encoding='utf-8') == 'Größe'
    assert os.listdir(path.parent) == ['a.bin']


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_error_leaves_the_old_file_and_nothing_else(step, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError('no space left')

    path = tmp_path / 'a.bin'
    AtomicBackend().put(b'old', path)
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match='no space left'):
        AtomicBackend().put(b'new', path)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.bin']


def test_error_in_the_content_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.bin'
    AtomicBackend().put(b'old', path)
    with pytest.raises(TypeError):
        AtomicBackend().put('no bytes', path)
    assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['a.bin']


def test_kill_in_the_middle_of_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.bin'
    AtomicBackend().put(b'old', path)
    os.chmod(path, 0o444)  # it shall be replaced, not opened
    process = subprocess.Popen([sys.executable, '-c', WRITER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b'ready\n'
    part = tmp_path / f'.a.bin.{process.pid}.tmp'
    while not part.exists() or not part.stat().st_size:
        assert process.poll() is None
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    written = path.read_bytes()
    assert written == b'old' or written == bytes(200_000_000)  # the latter if it was quicker than we
    AtomicBackend().put(b'new', path)
    assert path.read_bytes() == b'new'
