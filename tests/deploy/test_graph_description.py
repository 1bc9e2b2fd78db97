"""What a graph says about itself, for every experiment's way of preparing images."""

import hashlib
import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.deploy.exportable_people import ExportablePeople
from hybridkp.deploy.graph_description import describe, preparation

CONFIGS = [path for place in ('animal', 'body', 'detector', 'landmark') for path in Path('configs', place).glob('*.py')]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_preparation_is_known(path):
    how = preparation(Config.fromfile(path).test_dataloader.dataset.pipeline)
    assert how['kind'] == ('letterbox' if path.parent.name == 'detector' else 'crop')
    json.dumps(how)


def test_preparations_hold_the_transforms_settings():
    crop = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', use_udp=True)]
    assert preparation(crop) == dict(kind='crop', padding=1.25, region=None, udp=True, smooth=False)
    crop[1:1] = [dict(type='FrameRegion', region=(0, 0.1, 1, 0.9)), dict(type='SmoothDownscale')]
    assert preparation(crop) == dict(kind='crop', padding=1.25, region=[0, 0.1, 1, 0.9], udp=True, smooth=True)
    box = [dict(type='Letterbox', enlarge=False, smooth=True)]
    assert preparation(box) == dict(kind='letterbox', enlarge=False, smooth=True, multiple=None, border=114)
    assert preparation([*box, dict(type='Rotate')]) == dict(kind='other', steps=['Letterbox', 'Rotate'])


def test_description(tmp_path, mmpose_scope):
    cfg = Config.fromfile('configs/detector/yolov7_n_pose_coco_sample_images_320x320.py')
    checkpoint = tmp_path / 'a.pth'
    checkpoint.write_bytes(b'weights')
    about = describe(cfg, [str(checkpoint)], ExportablePeople(MODELS.build(cfg.model)), (320, 256), suppresses=True)
    assert json.loads(json.dumps(about)) == about
    assert about['checkpoints'] == [dict(file='a.pth', sha256=hashlib.sha256(b'weights').hexdigest())]
    assert (about['input']['width'], about['input']['height'], about['input']['channels']) == (320, 256, 'BGR')
    assert about['keypoints'][:2] == ['nose', 'left_eye'] and [15, 13] in about['links']
    assert len(about['links']) == len(about['link_colors']) and len(about['keypoint_colors']) == 17
    assert about['flip_pairs'][0] == [2, 1] and about['sigmas'][0] == 0.026
    assert about['suppression'] == dict(score_threshold=0.001, iou_threshold=0.65, max_people=300, inside=True)
    assert (about['task'], about['flip_test'], about['calibrated']) == ('people', False, False)
    said = Path('docs/deploy.md').read_text(encoding='utf-8')
    assert not [key for key in (*about, *about['input'], *about['suppression']) if f'`{key}`' not in said]
