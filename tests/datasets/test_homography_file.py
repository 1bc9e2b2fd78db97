"""Homographies in text and in OpenCV's files, and files that are none."""

import cv2
import numpy as np
import pytest

from hybridkp.datasets.homography_file import read_homography
from hybridkp.errors import InputError

MATRIX = np.array([[0.88, 0.31, -39.4], [-0.18, 0.94, 153.2], [2e-4, -1.6e-5, 1]])


def test_text_in_several_styles(tmp_path):
    for i, text in enumerate(
        ('   0.88 0.31 -39.4\n -0.18 0.94 153.2\n  2.0e-4 -1.6e-5 1\n\n', '.88,.31,-39.4;-.18,.94,153.2;2e-4,-1.6e-5,1')
    ):
        (tmp_path / f'H_1_{i}').write_text(text)
        np.testing.assert_allclose(read_homography(tmp_path / f'H_1_{i}'), MATRIX)


@pytest.mark.parametrize('suffix', ['.xml', '.yml'])
def test_files_of_opencv(tmp_path, suffix):
    path = tmp_path / f'H1to3p{suffix}'
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write('H13', MATRIX)
    storage.release()
    np.testing.assert_allclose(read_homography(path), MATRIX)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('1 0 0 0 1 0', 'H_1_2: expected the 9 finite numbers of a homography, got 6 numbers'),
        ('1 0 0 0 1 0 0 0 nan', 'expected the 9 finite numbers'),
        ('1 0 0 0 one 0 0 0 1', "H_1_2: expected the 9 numbers of a homography, got 'one'"),
        ('', 'got 0 numbers'),
        ('1 2 3 2 4 6 0 0 1', 'can be inverted, got a singular matrix'),
        ('0 0 0 0 0 0 0 0 0', 'can be inverted, got a singular matrix'),
    ],
)
def test_bad_text(tmp_path, text, message):
    (tmp_path / 'H_1_2').write_text(text)
    with pytest.raises(InputError, match=message):
        read_homography(tmp_path / 'H_1_2')


def test_bad_files_of_opencv(tmp_path):
    with pytest.raises(FileNotFoundError, match='homography .*none does not exist'):
        read_homography(tmp_path / 'none')
    (tmp_path / 'a.xml').write_text('<opencv_storage><H type_id="opencv-matrix"><rows>3')
    with pytest.raises(InputError, match='a.xml: expected'):
        read_homography(tmp_path / 'a.xml')
    (tmp_path / 'b.xml').write_text('<?xml version="1.0"?>\n<opencv_storage>\n<a>3</a>\n</opencv_storage>\n')
    with pytest.raises(InputError, match='b.xml: expected one matrix, got 0'):
        read_homography(tmp_path / 'b.xml')
