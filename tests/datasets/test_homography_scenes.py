"""Scenes with measured homographies: both layouts, shrunk, and what is missing."""

import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS

from hybridkp.datasets.homography_scenes import HomographyScenes, has_homographies
from hybridkp.errors import InputError

HOMOGRAPHY = np.array([[1.0, 0.02, 5], [-0.03, 0.98, -4], [1e-4, 0, 1]])


def scene(folder, images=('1.ppm', '2.ppm', '3.ppm'), homographies=('H_1_2', 'H_1_3')):
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for i, name in enumerate(images):
        cv2.imwrite(str(folder / name), generator.integers(0, 255, (60 + 2 * i, 80, 3), np.uint8))
    for name in homographies:
        np.savetxt(folder / name, HOMOGRAPHY)
    return folder


def test_hpatches(mmpose_scope, tmp_path):
    for name in ('v_wall', 'i_lamp'):
        scene(tmp_path / name)
    (tmp_path / 'notes').mkdir()
    pack = dict(type='PackPoseInputs', meta_keys=('pair', 'view', 'homography', 'view_sizes'))
    scenes = DATASETS.build(dict(type='HomographyScenes', data_root=str(tmp_path), pipeline=[pack]))
    assert len(scenes) == 8 and has_homographies(str(tmp_path))
    infos = [scenes.get_data_info(i) for i in range(8)]
    assert [info['scene'] for info in infos] == ['i_lamp'] * 4 + ['v_wall'] * 4
    assert [info['img_path'][-5:] for info in infos[:4]] == ['1.ppm', '2.ppm', '1.ppm', '3.ppm']
    assert infos[3]['img'].shape == (64, 80, 3) and infos[3]['view_sizes'] == ((60, 80), (64, 80))
    assert scenes[3]['data_samples'].pair == 1 and scenes[3]['data_samples'].view == 1
    np.testing.assert_allclose(scenes[3]['data_samples'].homography, HOMOGRAPHY)
    assert len(HomographyScenes(str(tmp_path), scenes='v_')) == 4


@pytest.mark.parametrize(
    ('images', 'homographies'),
    [
        (('img1.ppm', 'img2.ppm'), ('H1to2p',)),
        (('graf1.png', 'graf3.png'), ('H1to3p.txt',)),
        (('a_1.png', 'a_2.png'), ('h_1_2.TXT',)),
    ],
)
def test_oxford_and_likewise_named_files(tmp_path, images, homographies):
    assert len(HomographyScenes(str(scene(tmp_path / 'x', images, homographies)))) == 2


def test_shrunk_images_have_shrunk_homographies(tmp_path):
    folder = scene(tmp_path / 'x')
    first = HomographyScenes(str(folder), max_side=40).get_data_info(0)
    assert first['img'].shape == (30, 40, 3) and first['view_sizes'] == ((30, 40), (31, 40))
    point = np.array([20.0, 10.0, 1])  # a pixel that covers (40.5, 20.5) of the original
    original = HOMOGRAPHY @ np.array([40.5, 20.5, 1])
    mapped = first['homography'] @ point
    np.testing.assert_allclose(2 * (mapped[:2] / mapped[2]) + 0.5, original[:2] / original[2])


def test_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match='folder of scenes .*none does not exist'):
        HomographyScenes(str(tmp_path / 'none'))
    with pytest.raises(InputError, match='expected views with homographies .* got none'):
        HomographyScenes(str(tmp_path))
    scene(tmp_path / 'x', images=('1.ppm',))
    with pytest.raises(InputError, match='H_1_2: expected one image with the number 2 beside it, got none'):
        HomographyScenes(str(tmp_path))
    scene(tmp_path / 'y', images=('1.ppm', '2.ppm', 'b2.png', '3.ppm'))
    with pytest.raises(InputError, match='got 2.ppm, b2.png'):
        HomographyScenes(str(tmp_path / 'y'))
    scene(tmp_path / 'z')
    (tmp_path / 'z' / 'H_1_3').write_text('1 2 3')
    with pytest.raises(InputError, match='z/H_1_3: expected the 9 finite numbers'):
        HomographyScenes(str(tmp_path / 'z'))
    assert not has_homographies(str(tmp_path / 'none'))
