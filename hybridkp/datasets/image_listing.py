"""Listing the images of a folder: a million of them in seconds, and as few objects."""

import os
from collections.abc import Iterator, Sequence

import numpy as np

from hybridkp.errors import InputError

SUFFIXES = ('.bmp', '.gif', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')
"""How the names of images end, in small letters."""

_NAMED = 5
"""How many folders a message names."""


class ImageListing(Sequence):
    """The paths of the images below a folder, relative to it and in the order of their names.

    All names lie in one array of bytes with one of offsets: a million paths are two objects, which worker processes
    share with the one that listed them, and counting references copies no page.

    Args:
        root: the folder; those below it are looked into as well, hidden ones are not.

    Attributes:
        counts: how many images lie in or below each folder right below the root, and, as '', in the root itself.
        empty: the folders right below the root that have no image in or below them.

    Raises:
        FileNotFoundError: if there is no such folder.
        InputError: if there is no image in it.
    """

    def __init__(self, root: str):
        if not os.path.isdir(root):
            raise FileNotFoundError(f'image folder {root} does not exist')
        self.root, self.counts, names = root, {}, []
        for folder, found in _by_top_folder(root):
            self.counts[folder] = len(found)
            names.extend(found)
        self.empty = [folder for folder, count in self.counts.items() if folder and not count]
        if not names:
            raise InputError(f'{root}: expected images ({", ".join(SUFFIXES)}) in the folder or below it, got none')
        encoded = [os.fsencode(name) for name in names]
        self._ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        self._bytes = np.frombuffer(b''.join(encoded), dtype=np.uint8)

    @property
    def warning(self) -> str | None:
        """What is to be said of folders without an image: how many there are, and the first names; None for none."""
        if not self.empty:
            return None
        named = ', '.join(self.empty[:_NAMED]) + (', ...' if len(self.empty) > _NAMED else '')
        return f'{self.root}: {len(self.empty)} folders without an image: {named}'

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        """Give the path of one image, relative to the root."""
        if not 0 <= index < len(self._ends):
            raise IndexError(f'{self.root}: expected an image from 0 to {len(self._ends) - 1}, got {index}')
        start = self._ends[index - 1] if index else 0
        return os.fsdecode(self._bytes[start : self._ends[index]].tobytes())


def _by_top_folder(root: str) -> Iterator[tuple[str, list[str]]]:
    """Give the images of the root itself, with '' for a folder, and those below each folder in it, sorted."""
    files, folders = _entries(root, '')
    yield '', files
    for folder in folders:
        found, waiting = [], [folder]
        while waiting:
            below = waiting.pop()
            files, inner = _entries(root, below)
            found += files
            waiting += inner
        yield folder, sorted(found)


def _entries(root: str, folder: str) -> tuple[list[str], list[str]]:
    """Give the images and the folders right in a folder of the root, sorted."""
    files, folders = [], []
    with os.scandir(os.path.join(root, folder)) as entries:
        for entry in entries:
            name = f'{folder}/{entry.name}' if folder else entry.name
            if entry.name.startswith('.'):
                continue
            if entry.is_dir():
                folders.append(name)
            elif entry.name.lower().endswith(SUFFIXES):
                files.append(name)
    return sorted(files), sorted(folders)
