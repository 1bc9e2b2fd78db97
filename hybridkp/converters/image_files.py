"""Finding the images that labels are about, and their sizes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hybridkp.errors import InputError

SUFFIXES = ('.bmp', '.png', '.jpg', '.jpeg', '.tif', '.tiff')


def find_root(labels: str, image: str, image_root: str | None, is_in: Callable[[Path], bool]) -> Path:
    """Take the image root that is given, or find the nearest folder above the labels that the image ``is_in``."""
    if image_root is not None:
        return Path(image_root)
    for folder in Path(labels).resolve().parents:
        if is_in(folder):
            return folder
    raise FileNotFoundError(f'{labels}: the image {image} is in no folder above the labels; name the image root')


def find_images(root: Path, folders: Sequence[str]) -> dict[str, list[str]]:
    """List the images in some folders of a root: name without suffix -> paths relative to the root."""
    found = {}
    for folder in folders:
        for file in sorted((root / folder).glob('*')):
            if file.suffix.lower() in SUFFIXES:
                found.setdefault(file.stem, []).append(file.relative_to(root).as_posix())
    return found


def the_image(images: Mapping[str, Sequence[str]], name: str, where: str, root: Path) -> str:
    """Take the one image of a name from those found; errors begin with the row that names the image."""
    if name not in images:
        raise FileNotFoundError(f'{where}: there is no image {name} in {root}')
    if len(images[name]) > 1:
        raise InputError(f'{where}: expected one image {name} in {root}, got {", ".join(images[name])}')
    return images[name][0]
