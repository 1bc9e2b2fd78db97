import cv2
import numpy as np
import pytest

from hybridkp.datasets.image_size import image_size
from hybridkp.errors import InputError


def test_size(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((30, 40), np.uint8))
    assert image_size(tmp_path / 'a.png', 'row 1') == (40, 30)
    with pytest.raises(FileNotFoundError, match='row 1: there is no image .*b.png'):
        image_size(tmp_path / 'b.png', 'row 1')
    (tmp_path / 'c.png').write_text('hello')
    for path in (tmp_path / 'c.png', tmp_path):
        with pytest.raises(InputError, match=f'row 1: expected an image, got {path}'):
            image_size(path, 'row 1')
