"""Records of a file that are found by the image that they are about."""

from collections.abc import Iterable
from pathlib import Path

_Key = str | int


class ImageRecords:
    """Finds which of a file's images an image file is.

    A name is that of the image whose path ends with it, the longest such name if there are several. A number is that of
    the image whose name is this number, as COCO's ``000000000885.jpg`` is 885.

    Args:
        keys: the names of image files, with or without folders, and numbers.
    """

    def __init__(self, keys: Iterable[_Key]):
        keys = set(keys)
        self._numbers = {key for key in keys if isinstance(key, int)}
        self._names: dict[str, list[str]] = {}
        for key in sorted(key for key in keys if isinstance(key, str)):
            self._names.setdefault(Path(key).name, []).append(key)

    def find(self, path: str) -> _Key | None:
        """Give the key of an image file, None where there is none."""
        place = Path(path)
        parts = place.absolute().parts
        named = self._names.get(place.name, [])
        fitting = [name for name in named if parts[-len(Path(name).parts) :] == Path(name).parts]
        if fitting:
            return max(fitting, key=lambda name: len(Path(name).parts))
        return int(place.stem) if place.stem.isdecimal() and int(place.stem) in self._numbers else None
