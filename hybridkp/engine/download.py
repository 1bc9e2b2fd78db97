"""Downloads that go on where they were interrupted."""

import errno
import os
import re
import shutil
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from hybridkp.errors import InputError

CHUNK = 1 << 20
"""Bytes that are read at once."""

WAIT = 30.0
"""Seconds after which a silent server counts as gone."""

Report = Callable[[int, int], None]


def download(url: str, path: Path, report: Report | None = None, attempts: int = 5, pause: float = 2.0) -> None:
    """Download a file, which appears at its path when it is whole; until then it grows beside it, as ``NAME.part``.

    A part that is there is completed by an HTTP range request, unless the server's file has changed since (its ETag or
    date lies in ``NAME.part.tag``) or the server knows no ranges: then it begins anew. An interrupted transfer is taken
    up again by itself; only attempts that brought no byte count.

    Args:
        url: the address.
        path: where the file shall be.
        report: called with the bytes that are there and all of them.
        attempts: how many attempts without a byte end the download.
        pause: seconds before the second of them, twice as many before each further one.

    Raises:
        InputError: if the server refuses, the disk is full, or nothing comes any more; the part stays.
    """
    part, failures = path.with_name(f'{path.name}.part'), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        before, reason = _length(part), ''
        try:
            if _go_on(url, part, report):
                break
            reason = 'the connection ended early'
        except HTTPError as error:
            if error.code < 500:
                raise InputError(f'{url}: the server answers {error.code} {error.reason}') from error
            reason = f'the server answers {error.code} {error.reason}'
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, 'reason', error)) or type(error).__name__
        failures = failures + 1 if _length(part) <= before else 0
        if failures == attempts:
            raise InputError(f'{url}: {reason}; {_length(part)} bytes are kept in {part}: run this again to go on')
        time.sleep(pause * 2 ** max(0, failures - 1) if failures else 0)
    os.replace(part, path)
    _tag_file(part).unlink(missing_ok=True)


def _go_on(url: str, part: Path, report: Report | None) -> bool:
    """Ask for what is missing and write it; says whether the part is whole now."""
    start, tag = _length(part), _read_tag(part)
    headers = {'Range': f'bytes={start}-', **({'If-Range': tag} if tag else {})} if start else {}
    try:
        response = urlopen(Request(url, headers=headers), timeout=WAIT)
    except HTTPError as error:
        whole = re.fullmatch(r'bytes \*/(\d+)', error.headers.get('Content-Range') or '')
        if error.code != 416:
            raise
        if whole and int(whole[1]) == start:
            return True
        part.unlink()  # longer than the file: not a part of it
        return False
    with response:
        if start and response.status != 206:
            start = 0
        total = _total(response, start, url)
        _check_room(part, total - start, url)
        _write_tag(part, response)
        _write(response, part, start, total, report)
    return _length(part) == total


def _total(response: HTTPResponse, start: int, url: str) -> int:
    """Give the length of the whole file."""
    if response.status == 206:
        span = re.fullmatch(r'bytes (\d+)-\d+/(\d+)', response.headers.get('Content-Range') or '')
        if not span or int(span[1]) != start:
            raise InputError(f'{url}: asked for bytes from {start}, got {response.headers.get("Content-Range")}')
        return int(span[2])
    length = response.headers.get('Content-Length')
    if length is None:
        raise InputError(f'{url}: the server does not say how long the file is')
    return int(length)


def _check_room(part: Path, needed: int, url: str) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise InputError(f'{url}: {needed / 1e9:.1f} GB are missing, and {free / 1e9:.1f} GB are free in {part.parent}')


def _write(response: HTTPResponse, part: Path, start: int, total: int, report: Report | None) -> None:
    """Append what comes to the first bytes of a part."""
    try:
        with open(part, 'r+b' if start else 'wb') as file:
            file.truncate(start)
            file.seek(start)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                if report is not None:
                    report(file.tell(), total)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f'{part}: the disk is full; the part stays for the next time') from error
        raise


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _tag_file(part: Path) -> Path:
    return part.with_name(f'{part.name}.tag')


def _read_tag(part: Path) -> str:
    return _tag_file(part).read_text() if _tag_file(part).exists() else ''


def _write_tag(part: Path, response: HTTPResponse) -> None:
    """Keep what tells one version of the server's file from another: a strong ETag, or the date."""
    tag = response.headers.get('ETag') or ''
    tag = response.headers.get('Last-Modified', '') if tag.startswith('W/') or not tag else tag
    _tag_file(part).write_text(tag)
