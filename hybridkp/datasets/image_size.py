"""Sizes of images without reading them."""

from pathlib import Path

from PIL import ExifTags, Image

from hybridkp.errors import InputError

ORIENTATION, LYING = ExifTags.Base.Orientation, (5, 6, 7, 8)
"""The tag of EXIF, and its values for images that are turned by a quarter."""


def image_size(path: Path, where: str) -> tuple[int, int]:
    """Read (width, height) from an image file's header; errors begin with the row that names the image.

    It is the size after the turn that the camera asks for by the orientation of EXIF, as OpenCV reads the image.
    """
    try:
        with Image.open(path) as image:
            return image.size[::-1] if image.getexif().get(ORIENTATION) in LYING else image.size
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: there is no image {path}') from error
    except OSError as error:
        raise InputError(f'{where}: expected an image, got {path}') from error
