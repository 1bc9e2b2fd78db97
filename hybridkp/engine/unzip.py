"""Unpacking of archives that are not trusted."""

import os
import shutil
import stat
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from hybridkp.errors import InputError

CHUNK = 1 << 20
"""Bytes that are read at once."""


def unzip(
    archive: Path, folder: Path, wanted: Callable[[str], bool], report: Callable[[int, int], None] | None = None
) -> tuple[int, int]:
    """Unpack an archive's wanted files, each whole and of the right checksum (CRC-32) or not at all.

    A file that is there with these bytes is kept as it is; one with others is replaced.

    Args:
        archive: a zip file.
        folder: where its files go.
        wanted: says by their names in the archive which files are unpacked.
        report: called with the number of files that are done, and of all.

    Returns:
        How many files were written, and how many were there already.

    Raises:
        InputError: if the archive is damaged, or a name leads out of the folder; the message names both. Before
            anything is written where the names or the directory of the archive are wrong.
    """
    written, done = 0, 0
    try:
        with ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            for member in members:
                _check_name(member, archive)
            members = [member for member in members if wanted(member.filename)]
            missing = [member for member in members if not _is_there(member, folder)]
            _check_room(missing, folder, archive)
            for member in missing:
                _extract(opened, member, folder / member.filename)
                written += 1
                if report is not None:
                    report(done := done + 1, len(missing))
    except (BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f'{archive}: the archive is damaged: {error}; {written} files of it were unpacked: delete it and get it '
            'again'
        ) from error
    return written, len(members) - len(missing)


def _check_name(member: ZipInfo, archive: Path) -> None:
    """Refuse names that lead elsewhere, links, and what is encrypted."""
    name, path = member.filename, PurePosixPath(member.filename)
    leads_out = path.is_absolute() or '..' in path.parts or '\\' in name or ':' in name or '\0' in member.orig_filename
    if leads_out or stat.S_ISLNK(member.external_attr >> 16):
        raise InputError(
            f'{archive}: the archive is refused: its file {name!r} would lie outside the folder, or is a link'
        )
    if member.flag_bits & 1:
        raise InputError(f'{archive}: the archive is refused: its file {name!r} is encrypted')


def _is_there(member: ZipInfo, folder: Path) -> bool:
    """Say whether a file is there with the bytes that the archive has, by their number and CRC-32."""
    path = folder / member.filename
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    checksum = 0
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.CRC


def _check_room(members: list[ZipInfo], folder: Path, archive: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f'{archive}: its files take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {folder}'
        )


def _extract(opened: ZipFile, member: ZipInfo, path: Path) -> None:
    """Write a file beside its place and move it there; the archive checks the CRC-32 at its last byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with opened.open(member) as source, open(temporary, 'wb') as target:
            shutil.copyfileobj(source, target, CHUNK)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
