"""Images to compare on: those of the test set, of a folder, or those that come with the project."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from hybridkp.deploy import sample_images as module
from hybridkp.deploy.sample_images import sample_images
from hybridkp.errors import InputError

COCO = Path('tests/data/coco/val2017')


@pytest.mark.usefixtures('mmpose_scope')
class TestSampleImages:
    def test_of_the_test_set(self):
        images, source = sample_images(Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py'))
        assert images.shape == (8, 3, 256, 256) and images.dtype == torch.uint8
        assert source == 'tests/data/mirror_mouse/test.json'

    def test_of_a_folder(self):
        cfg = Config.fromfile('configs/detector/yolov7_n_pose_coco_sample_images_320x320.py')
        images, source = sample_images(cfg, str(COCO))
        assert images.shape == (8, 3, 320, 320) and source == str(COCO)
        assert (images[0, :, 0, 0] == 114).all() and len({image.float().mean().item() for image in images}) == 8

    @pytest.mark.parametrize('name', ['landmark/unet_isbi2015_128x128', 'points/hybridnet_s_pictures_224'])
    def test_where_there_is_no_test_set(self, name):
        cfg = Config.fromfile(f'configs/{name}.py')
        cfg.test_dataloader.dataset.data_root = 'nowhere'
        images, source = sample_images(cfg)
        size, channels = (128, 1) if 'landmark' in name else (224, 3)
        assert images.shape == (8, channels, size, size) and Path(source).samefile(COCO)

    def test_too_few(self, tmp_path):
        for path in sorted(COCO.glob('*.jpg'))[:7]:
            shutil.copy(path, tmp_path)
        cfg = Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py')
        with pytest.raises(InputError, match='expected at least 8 images, got 7'):
            sample_images(cfg, str(tmp_path))

    def test_without_any(self, monkeypatch, tmp_path):
        monkeypatch.setattr(module, 'BUNDLED', tmp_path / 'none')
        cfg = Config.fromfile('configs/landmark/unet_isbi2015_128x128.py')
        cfg.test_dataloader.dataset.data_root = 'nowhere'
        with pytest.raises(
            FileNotFoundError, match=r'test1\.json does not exist: name a folder of images with --images'
        ):
            sample_images(cfg)

    def test_of_other_sizes(self):
        cfg = Config.fromfile('configs/detector/yolov7_n_pose_coco_sample_images_320x320.py')
        cfg.test_dataloader.dataset.pipeline[1].multiple = 64
        with pytest.raises(InputError, match='expected inputs of one size'):
            sample_images(cfg)
