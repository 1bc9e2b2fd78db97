"""Loading of images that says which file is wrong and why."""

import re

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from hybridkp.errors import InputError

COLOR_TYPES = {'color': cv2.IMREAD_COLOR, 'grayscale': cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH}
JPEG_END, PNG_END = b'\xff\xd9', b'IEND\xaeB`\x82'
JPEG_MARKER = re.compile(rb'\xff+([^\x00\xff\xd0-\xd7])', re.DOTALL)
"""A marker within a JPEG scan that ends it: neither a stuffed byte nor a restart."""


@TRANSFORMS.register_module()
class ReadImage(BaseTransform):
    """Read ``img_path`` into ``img``, uint8, or take the array that ``img`` already is.

    A colour image is (h, w, 3), BGR, a grey one (h, w). The size of a file's image has to be ``ann_size``,
    (h, w), where the sample has one. Adds ``img_shape`` and ``ori_shape``, both (h, w).

    Args:
        color_type: ``'color'`` or ``'grayscale'``, as in mmcv's ``LoadImageFromFile``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file is no image, is cut short, or does not have the annotated size.
        ValueError: there is no such colour type.
    """

    def __init__(self, color_type: str = 'color') -> None:
        if color_type not in COLOR_TYPES:
            raise ValueError(f'ReadImage: expected color_type as one of {list(COLOR_TYPES)}, got {color_type!r}')
        self.color_type = color_type

    def transform(self, results: dict) -> dict:
        """Add the image and its size to a sample."""
        if 'img' in results:
            if not isinstance(results['img'], np.ndarray):
                raise TypeError(f'ReadImage: expected an array as "img", got a {type(results["img"]).__name__}')
            results.setdefault('img_path', None)
        else:
            record = f' (annotation {results["id"]})' if 'id' in results else ''
            results['img'] = read_image(results['img_path'], record, self.color_type)
            size = results['img'].shape[:2]
            if results.get('ann_size', size) != size:
                (height, width), (ann_height, ann_width) = size, results['ann_size']
                raise InputError(
                    f'{results["img_path"]}{record}: expected the annotated image size {ann_width} x '
                    f'{ann_height} (width x height), got {width} x {height}'
                )
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'ReadImage(color_type={self.color_type!r})'


def read_image(path: str, record: str = '', color_type: str = 'color') -> np.ndarray:
    """Read an image file as (h, w, 3), BGR, or, grey, as (h, w), both uint8.

    Of an image of more than 8 bits that is read as grey, as radiographs of 12 bits in files of 16 are, the range from
    its smallest to its largest value becomes 0 to 255.

    Args:
        path: The file.
        record: What an error message says after the file's name.
        color_type: ``'color'`` or ``'grayscale'``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file cannot be read, is no image that OpenCV knows, or it is a JPEG or PNG that ends too early.
    """
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}{record}: there is no such image file') from error
    except OSError as error:
        raise InputError(f'{path}{record}: expected an image, got what cannot be read: {error.strerror}') from error
    if not _is_complete(data):
        raise InputError(f'{path}{record}: expected a complete image, got a file that ends too early')
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), COLOR_TYPES[color_type]) if data else None
    except cv2.error as error:  # as of images with more pixels than OpenCV allows
        raise InputError(f'{path}{record}: expected an image, got a file that OpenCV refuses: {error.err}') from error
    if image is None:
        raise InputError(f'{path}{record}: expected an image, got a file that OpenCV cannot decode')
    return image if image.dtype == np.uint8 else _eight_bits(image, f'{path}{record}')


def _eight_bits(image: np.ndarray, where: str) -> np.ndarray:
    """Stretch the values of an image of any type from the smallest to the largest to 0 to 255."""
    if not np.isfinite(image).all():
        raise InputError(f'{where}: expected an image of finite values, got others')
    low, high = float(image.min()), float(image.max())
    return np.rint((image.astype(np.float32) - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


def _is_complete(data: bytes) -> bool:
    """Say whether a JPEG or PNG has its end marker, as OpenCV fills up with grey; other formats pass."""
    if data.startswith(b'\x89PNG'):
        return data.endswith(PNG_END) or PNG_END in data
    if data.startswith(b'\xff\xd8\xff'):
        return data.endswith(JPEG_END) or _has_jpeg_end(data)
    return True


def _has_jpeg_end(data: bytes) -> bool:
    """Walk over a JPEG's segments and scans to its own end marker, not that of a preview within."""
    position = 2
    while match := JPEG_MARKER.search(data, position):
        if match[1] == b'\xd9':
            return True
        length = int.from_bytes(data[match.end() : match.end() + 2], 'big')
        position = match.end() + max(length, 2)
    return False
