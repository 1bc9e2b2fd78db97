"""Sizes of images without reading them."""

from pathlib import Path

from PIL import Image

from hybridkp.errors import InputError


def image_size(path: Path, where: str) -> tuple[int, int]:
    """Read (width, height) from an image file's header; errors begin with the row that names the image."""
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: there is no image {path}') from error
    except OSError as error:
        raise InputError(f'{where}: expected an image, got {path}') from error
