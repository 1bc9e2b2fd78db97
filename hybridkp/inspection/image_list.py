"""The image files of an annotation file."""

import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageList:
    """M image files as an annotation file lists them.

    Args:
        uses: of ``'train'``, ``'val'`` and ``'test'``, those that read them.
        folder: what the names are relative to.
        files: the M names.
        sizes: (M, 2), the annotated width and height in px.
    """

    uses: tuple[str, ...]
    folder: str
    files: Sequence[str]
    sizes: np.ndarray

    def paths(self) -> list[str]:
        """Give the files' paths."""
        return [osp.join(self.folder, name) for name in self.files]

    def lengths(self) -> np.ndarray:
        """Give the files' lengths in bytes (M,), -1 where there is none."""
        return np.array([_length(path) for path in self.paths()], dtype=np.int64)

    def spread(self, count: int | None, among: np.ndarray | None = None) -> 'ImageList':
        """Give at most so many of the images, or of some of them, evenly from the first to the last; None for all."""
        chosen = np.arange(len(self.files)) if among is None else among
        if count is not None and len(chosen) > count:
            chosen = chosen[np.linspace(0, len(chosen) - 1, count).round().astype(int)]
        return ImageList(self.uses, self.folder, [self.files[i] for i in chosen], self.sizes[chosen])


def _length(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
